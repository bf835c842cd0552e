"""One attempt at one job on one backend, from its inputs to its last event."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import Enum

from generation.audience import Audience
from generation.backends.base import Cancelled, Done, Event, Failed, Progressed, Work
from generation.blobs import Blobs
from generation.clock import Clock
from generation.dispatcher.lane import Lane
from generation.dispatcher.rules import Rules
from generation.errors import BackendError, BadReply, GenerationError
from generation.types import Job, Result

_log = logging.getLogger(__name__)

_CANCEL_AGAIN = 2.0


class Reason(Enum):
    """Why an attempt is stopped before its time."""

    CANCEL = "cancel"
    DEADLINE = "deadline"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopped:
    """The attempt was stopped. ``proven`` tells whether the backend said so itself."""

    reason: Reason
    proven: bool


Ending = Result | Stopped | GenerationError
"""What an attempt comes to: pictures, a stop, or an error."""


class Attempt:
    """Follows a job on its backend. ``follow`` once; ``stop`` any number of times.

    ``began`` is on the monotonic clock.

    ``attached`` says that the backend knows the job already. ``task`` and ``over`` are its
    owner's: the task that follows, and the moment when nothing more comes of it.
    """

    def __init__(
        self,
        job: Job,
        lane: Lane,
        *,
        attached: bool,
        blobs: Blobs,
        audience: Audience,
        clock: Clock,
        rules: Rules,
    ) -> None:
        self.job = job
        self.lane = lane
        self.over = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.began = clock.monotonic()
        self._attached = attached
        self._blobs = blobs
        self._audience = audience
        self._clock = clock
        self._rules = rules
        self._reason: Reason | None = None
        self._stop_asked = asyncio.Event()

    def stop(self, reason: Reason) -> None:
        """Ask for the end. The first reason counts."""
        self._reason = self._reason or reason
        self._stop_asked.set()

    async def follow(self) -> Ending:
        """Run the job, or attach to it, until it ends, is stopped, or its time is up.

        Never raises a ``GenerationError``: that is an ending. When cancelled, the job goes on at
        the backend.
        """
        tasks: list[asyncio.Task[object]] = []

        def spawn(work: Coroutine[object, object, object], what: str) -> asyncio.Task[object]:
            task = asyncio.create_task(work, name=f"{what} {self.job.id}")
            tasks.append(task)
            return task

        events = asyncio.create_task(self._events(), name=f"events {self.job.id}")
        try:
            spawn(self._deadline(), "deadline")
            stopped = spawn(self._stop_asked.wait(), "stop of")
            await asyncio.wait({events, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not events.done():
                spawn(self._cancel(), "cancel")
                patience = spawn(self._clock.sleep(self._rules.stop_seconds), "patience for")
                await asyncio.wait({events, patience}, return_when=asyncio.FIRST_COMPLETED)
            return self._judge(events.result() if events.done() else None)
        finally:
            await _end([events, *tasks])

    def _judge(self, ending: Ending | None) -> Ending:
        if self._reason is None:
            return ending or BadReply(detail="the backend's events ended too early")
        if isinstance(ending, Result):
            return ending  # it was done before it could be stopped
        return Stopped(reason=self._reason, proven=ending is not None)

    async def _events(self) -> Ending | None:
        try:
            work = await self._work()
            if self._reason is not None and not self._attached:
                return Stopped(reason=self._reason, proven=True)  # it was never submitted
            stream = self.lane.backend.run(work)
            try:
                async for event in stream:
                    if (ending := self._take(event)) is not None:
                        return ending
            finally:
                if isinstance(stream, AsyncGenerator):
                    await stream.aclose()
        except GenerationError as error:
            return error
        return None

    async def _work(self) -> Work:
        request = self.job.request
        pictures = [await self._blobs.get(blob) for blob in request.inputs]
        return Work.of(self.job.id, request.params, pictures)

    def _take(self, event: Event) -> Ending | None:
        match event:
            case Progressed(progress=progress):
                tell(lambda: self._audience.progressed(self.job, progress), self.job)
                return None
            case Done(result=result) if result.outputs:
                return result
            case Done():
                return BadReply(detail="done without a picture")
            case Cancelled():
                return Stopped(reason=self._reason or Reason.CANCEL, proven=True)
            case Failed(error=error):
                return error

    async def _deadline(self) -> None:
        await self._clock.sleep(self._rules.job_seconds)
        self.stop(Reason.DEADLINE)

    async def _cancel(self) -> None:
        while True:
            try:
                await self.lane.backend.cancel(self.job.id)
            except BackendError as error:
                _log.warning("job.cancel_failed job=%s code=%s", self.job.id, error.code)
            except Exception:  # noqa: BLE001 - a backend's bug must not undo the stop
                _log.exception("job.cancel_failed job=%s", self.job.id)
            # A cancel that overtakes the submission finds nothing to stop.
            await self._clock.sleep(_CANCEL_AGAIN)


def tell(message: Callable[[], None], job: Job) -> None:
    """Pass on what may be lost. An audience that stumbles over it does not harm the job."""
    try:
        message()
    except Exception:  # noqa: BLE001 - an audience's bug must not undo the job
        _log.exception("audience.failed job=%s", job.id)


async def _end(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
