"""Writes down what attempts came to, so that nothing is said before it is stored."""

from __future__ import annotations

import logging
from collections.abc import Callable

from generation.clock import Clock
from generation.dispatcher import endings
from generation.dispatcher.attempt import Ending, Reason, Stopped
from generation.dispatcher.rules import Rules
from generation.errors import StorageError
from generation.queue import Queue
from generation.shield import see_through
from generation.store import Ended
from generation.types import Fault, Job, JobId, JobState, Result, StoredOutput

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


class Ledger:
    """The endings of jobs. Calls ``show`` with each job that has just been given one."""

    def __init__(
        self, *, queue: Queue, clock: Clock, rules: Rules, show: Callable[[JobId], None]
    ) -> None:
        self._queue = queue
        self._jobs = queue.store.jobs
        self._clock = clock
        self._rules = rules
        self._show = show

    async def settle(self, job: Job, ending: Ending) -> None:
        """Write down what an attempt came to; keep trying while the disk is full."""
        pause = _FIRST_PAUSE
        while True:
            try:
                await see_through(self._write(job, ending), name=f"ending {job.id}")
            except StorageError as error:
                _log.error("job.unsaved job=%s detail=%s", job.id, error.detail)
                await self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return

    async def end(self, job_id: JobId, expected: JobState, outcome: JobState, fault: Fault) -> None:
        """End a job without pictures, unless it is not in the expected state any more."""
        ended = Ended(outcome=outcome, at=self._clock.now(), fault=fault)
        await self._write_ending(job_id, expected, ended)

    async def _write(self, job: Job, ending: Ending) -> None:
        if (fault := endings.retry(job, ending, attempts=self._rules.attempts)) is not None:
            if await self._jobs.requeue(job.id, fault):
                _log.info("job.requeued job=%s code=%s", job.id, fault.code)
                return
            ending = Stopped(reason=Reason.CANCEL, proven=True)  # it is not wanted any more
        if isinstance(ending, Result):
            await self._write_pictures(job, ending)
        else:
            ended = endings.failed(job, ending, at=self._clock.now())
            await self._write_ending(job.id, JobState.RUNNING, ended)

    async def _write_pictures(self, job: Job, result: Result) -> None:
        outputs = []
        for output in result.outputs:
            blob = await self._queue.keep(output.data)
            outputs.append(
                StoredOutput(
                    blob=blob,
                    media_type=output.media_type,
                    width=output.width,
                    height=output.height,
                    seed=output.seed,
                    flags=output.flags,
                )
            )
        ended = endings.done(result, tuple(outputs), at=self._clock.now())
        if not await self._write_ending(job.id, JobState.RUNNING, ended):
            for stored in outputs:
                await self._queue.drop(stored.blob)

    async def _write_ending(self, job_id: JobId, expected: JobState, ended: Ended) -> bool:
        """Give a job its ending and have it shown; False if it has one, or is forgotten."""
        if await self._jobs.end(job_id, expected, ended) is None:
            return False
        code = ended.fault.code if ended.fault else "ok"
        _log.info("job.ended job=%s outcome=%s code=%s", job_id, ended.outcome, code)
        self._show(job_id)
        return True
