"""What all remote backends do alike: jobs in their turn, stops that are proven, health kept."""

from __future__ import annotations

import asyncio
import logging
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass

from generation.backends.base import (
    Capabilities,
    Event,
    Health,
    ModelInfo,
    ToolInfo,
    Work,
)
from generation.backends.ledger import Ledger, Track
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience, Standing
from generation.backends.remote.turns import Turns
from generation.backends.remote.wire import Deadlines, Wire
from generation.clock import Clock, SystemClock
from generation.errors import BackendError, TimedOut, Unavailable
from generation.types import JobId, Output, Result

_LOG = logging.getLogger(__name__)

_CLOSED = "the backend was closed"
_SHORTEST_PROMPT = 4  # a shorter one may stand in any sentence by chance


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """What a job came to: pictures in the order of its seeds, and what its owner should know."""

    outputs: tuple[Output, ...]
    notes: tuple[str, ...] = ()


class RemoteBackend(ABC):
    """Runs jobs on a server that somebody else started. Subclasses speak the protocol.

    A job that this side gave up on may still occupy the server: its slot stays taken until the
    server is proven rid of it. Nothing is tried again here, that is for the dispatcher.
    """

    def __init__(
        self,
        name: str,
        server: Server,
        *,
        slots: int = 1,
        clock: Clock | None = None,
        patience: Patience | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._name = name
        self.clock = clock or SystemClock()
        self.patience = patience or Patience()
        self.wire = Wire(server, deadlines=deadlines)
        self.standing = Standing(
            discover=self.discover,
            ping=self.ping,
            clock=self.clock,
            patience=self.patience,
            name=name,
            hide=server.hide,
        )
        self._turns = Turns(
            slots,
            is_rid_of=self._is_rid_of,
            clock=self.clock,
            patience=self.patience,
            name=name,
        )
        self._ledger = Ledger()
        self._tasks: dict[JobId, asyncio.Task[None]] = {}
        self._boot_id = secrets.token_hex(8)
        self._is_closed = False

    @abstractmethod
    async def discover(self) -> Capabilities:
        """Ask the server what it is and offers. Raises ``BackendError`` with cause and mend."""

    @abstractmethod
    async def ping(self) -> None:
        """Ask it something cheap that proves it is there. Raises ``BackendError``."""

    @abstractmethod
    async def draw(self, work: Work, model: ModelInfo, track: Track) -> Drawing:
        """Have it draw, telling ``track`` of progress. Raises ``BackendError``.

        Ended by cancelling when the job's time is up, or when it did not stop in time.
        """

    @abstractmethod
    async def halt(self, job_id: JobId) -> None:
        """Have it stop that job, if it runs now, and no other. ``draw`` then ends soon.

        Asked again until the job has ended: it may not have begun when it was asked first.
        """

    @property
    def can_halt(self) -> bool:
        """Whether the server can stop a job at all. If not, nobody waits for it to do so."""
        return True

    async def use(
        self,
        work: Work,  # noqa: ARG002  # for those that have tools
        tool: ToolInfo,
        track: Track,  # noqa: ARG002
    ) -> Drawing:
        """Have it use a tool that was offered; as ``draw`` otherwise."""
        raise Unavailable(detail=f"{self._name} cannot use {tool.name}")

    @abstractmethod
    async def is_idle(self, job_id: JobId) -> bool:
        """Whether it is proven to be done with that job. Raises ``BackendError``."""

    @property
    def name(self) -> str:
        """The operator's name for it."""
        return self._name

    @property
    def resident(self) -> str | None:
        """The model that it has loaded; None where that is not known or does not matter."""
        return None

    @property
    def description(self) -> str | None:
        """What it is, in a few words for its operator, once that is known."""
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """What else its operator should know."""
        return ()

    async def capabilities(self) -> Capabilities:
        """What the server offers, from memory where that is fresh. Raises ``Unavailable``."""
        return await self.standing.offer()

    async def health(self) -> Health:
        """How it is. While a job runs there, its connection is proof enough."""
        running = tuple(track.job_id for track in self._ledger.running())
        if not any(track.is_submitted for track in self._ledger.running()):
            await self.standing.look()
        return Health(
            ok=self.standing.problem is None,
            slots=self._turns.slots,
            running=running,
            resident_model=self.resident,
            boot_id=self._boot_id,
            problem=self.standing.problem,
            device=self.description,
            notes=self.notes,
        )

    async def run(self, work: Work, after: int = 0) -> AsyncIterator[Event]:
        """Submit the job at the first step of the iteration, or attach to it if it is known."""
        track = self._ledger.find(work.job_id)
        if track is None:
            track = self._ledger.open(work.job_id)
            self._begin(work, track)
        async for event in track.events(after):
            yield event

    async def cancel(self, job_id: JobId) -> None:
        """Stop the job; one that waits for its turn is never sent.

        Where the server does not obey in time, the job ends and its slot stays taken.
        """
        track, task = self._ledger.find(job_id), self._tasks.get(job_id)
        if track is None or track.ended.is_set() or task is None:
            return
        track.cancel_asked = True
        if track.is_submitted and self.can_halt:
            await self._halt_in_time(track)
        if not track.ended.is_set():
            task.cancel()
            await track.ended.wait()

    async def aclose(self) -> None:
        """End what runs, there too if it stops quickly; jobs fail as unavailable."""
        if not self._is_closed:
            self._is_closed = True
            running = [track for track in self._ledger.running() if track.is_submitted]
            running = running if self.can_halt else []
            self._ledger.fail_all(lambda: Unavailable(detail=_CLOSED))
            await asyncio.gather(*(self._halt_before_leaving(track) for track in running))
        await self._turns.aclose()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.standing.aclose(_CLOSED)
        await self.wire.aclose()

    def _begin(self, work: Work, track: Track) -> None:
        if self._is_closed:
            track.fail(Unavailable(detail=_CLOSED))
            return
        task = asyncio.create_task(self._perform(work, track), name=f"remote-{work.job_id}")
        self._tasks[work.job_id] = task
        task.add_done_callback(lambda done: self._end(track, done))

    def _end(self, track: Track, task: asyncio.Task[None]) -> None:
        """Whatever happened to the task, its job has an ending."""
        if self._tasks.get(track.job_id) is task:
            del self._tasks[track.job_id]
        if not task.cancelled() and (bug := task.exception()) is not None:
            _LOG.error("job_crashed backend=%s job=%s", self._name, track.job_id, exc_info=bug)
            track.fail(BackendError(detail=type(bug).__name__))
        track.fail(Unavailable(detail=_CLOSED))  # no job that has ended takes notice

    async def _perform(self, work: Work, track: Track) -> None:
        try:
            chosen = await self._chosen(work)
            async with self._turns.taken(track.job_id):
                track.is_submitted = True
                began = self.clock.monotonic()
                drawing = await self._draw_in_time(work, chosen, track)
                seconds = self.clock.monotonic() - began
        except BackendError as error:
            self._fail(work, track, error)
            return
        self.standing.seen()
        if track.cancel_asked:
            track.stop()  # what a stopped job still sends is no whole picture
            return
        track.finish(
            Result(
                outputs=drawing.outputs, seconds=seconds, backend=self._name, notes=drawing.notes
            )
        )

    async def _chosen(self, work: Work) -> ModelInfo | ToolInfo:
        offer = await self.standing.offer()
        is_for_tools = work.params.task.is_for_tools
        if is_for_tools and work.image is None:
            raise Unavailable(detail=f"a {work.params.task} job came without its picture")
        for item in offer.tools if is_for_tools else offer.models:
            if item.name == work.params.model:
                return item
        raise Unavailable(detail=f"{self._name} has no model {work.params.model!r} now")

    async def _is_rid_of(self, job_id: JobId) -> bool:
        try:
            if await self.is_idle(job_id):
                return True
            await self.halt(job_id)
        except BackendError:
            pass  # while it cannot be asked nothing is proven
        return False

    async def _draw_in_time(
        self, work: Work, chosen: ModelInfo | ToolInfo, track: Track
    ) -> Drawing:
        try:
            async with asyncio.timeout(self.patience.draw):
                if isinstance(chosen, ToolInfo):
                    return await self.use(work, chosen, track)
                return await self.draw(work, chosen, track)
        except TimeoutError:
            raise TimedOut(detail=f"no picture within {self.patience.draw:g} s") from None

    def _fail(self, work: Work, track: Track, error: BackendError) -> None:
        if isinstance(error, Unavailable | TimedOut):
            self.standing.doubt()
        safe = self._without_secrets(work, error)
        if not track.cancel_asked:
            _LOG.warning(
                "job_failed backend=%s job=%s code=%s detail=%s",
                *(self._name, track.job_id, safe.code, safe.detail),
            )
        track.fail(safe)

    def _without_secrets(self, work: Work, error: BackendError) -> BackendError:
        """The error, for a log: a server may repeat in its words what it was sent."""
        detail = None if error.detail is None else self.wire.server.hide(error.detail)
        for prompt in (work.params.prompt, work.params.negative_prompt):
            if detail and len(prompt) >= _SHORTEST_PROMPT:
                detail = detail.replace(prompt, "…")
        return error if detail == error.detail else type(error)(error.sentence, detail=detail)

    async def _halt_in_time(self, track: Track) -> None:
        """Have the server stop the job, and wait for its end as long as the patience goes."""
        halting = asyncio.create_task(
            self._keep_halting(track.job_id), name=f"remote-halt-{track.job_id}"
        )
        try:
            async with asyncio.timeout(self.patience.cancel):
                await track.ended.wait()
        except TimeoutError:
            _LOG.warning("job_not_stopped backend=%s job=%s", self._name, track.job_id)
        finally:
            halting.cancel()
            await asyncio.gather(halting, return_exceptions=True)

    async def _keep_halting(self, job_id: JobId) -> None:
        while True:
            await self._halt(job_id)
            await self.clock.sleep(self.patience.look)

    async def _halt_before_leaving(self, track: Track) -> None:
        try:
            async with asyncio.timeout(self.patience.leave):
                await self._halt(track.job_id)
        except TimeoutError:
            _LOG.info("job_left_running backend=%s job=%s", self._name, track.job_id)

    async def _halt(self, job_id: JobId) -> None:
        try:
            await self.halt(job_id)
        except BackendError as error:
            _LOG.warning(
                "halt_failed backend=%s job=%s detail=%s", self._name, job_id, error.detail
            )
