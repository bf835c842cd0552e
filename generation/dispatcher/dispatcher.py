"""The loop that starts jobs, and the tasks that see each of them to its ending."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress

from generation.audience import Audience
from generation.backends.base import Backend
from generation.clock import Clock, SystemClock
from generation.dispatcher import endings
from generation.dispatcher.attempt import Attempt, Ending, Reason, Stopped, tell
from generation.dispatcher.breaker import is_its_fault
from generation.dispatcher.deliveries import Deliveries
from generation.dispatcher.demands import Demands
from generation.dispatcher.isolation import isolate
from generation.dispatcher.lane import Lane
from generation.dispatcher.ledger import Ledger
from generation.dispatcher.pairing import can_start, pair
from generation.dispatcher.rules import Rules
from generation.errors import (
    GenerationError,
    OverLimit,
    StorageError,
    Unavailable,
    UnknownJob,
    WorkerLost,
)
from generation.limits import check_request
from generation.line import Waiting
from generation.queue import Queue
from generation.store import CANCELLED, Interrupted
from generation.types import Job, JobId, JobState, Result

_log = logging.getLogger(__name__)


class Dispatcher:
    """Gives waiting jobs to backends, in the order of the queue's policy.

    Every running job, delivery and poll is a task of the one group in ``run``. A job's row is
    written before anything is said about it, so whatever dies, the next start goes on from the
    rows: running jobs are attached to or queued again, endings are delivered again.
    """

    def __init__(
        self,
        *,
        queue: Queue,
        backends: Sequence[Backend],
        audience: Audience,
        clock: Clock | None = None,
        rules: Rules | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """``weights`` say how readily a backend is given jobs, 1 for those not named."""
        if not backends:
            raise ValueError("a dispatcher needs at least one backend")
        self._queue = queue
        self._jobs = queue.store.jobs
        self._audience = audience
        self._clock = clock or SystemClock()
        self._rules = rules or Rules()
        self._demands = Demands()
        self._lanes = [
            Lane(each, self._clock, self._demands, weight=(weights or {}).get(each.name, 1.0))
            for each in backends
        ]
        self._deliveries = Deliveries(
            store=queue.store, audience=audience, clock=self._clock, rules=self._rules
        )
        self._ledger = Ledger(queue=queue, clock=self._clock, rules=self._rules, show=self._show)
        self._attempts: dict[JobId, Attempt] = {}
        self._showing: dict[JobId, asyncio.Task[None]] = {}
        # When each waiting job was first seen and when it expires, on the monotonic clock:
        # wall time may jump.
        self._patience: dict[JobId, tuple[float, float]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._leaving = asyncio.Event()
        self._left = asyncio.Event()
        queue.on_stop(self.stop_job)

    async def run(self) -> None:
        """Work until ``stop``, or until cancelled. To be run once."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                try:
                    await self._work()
                finally:
                    self._leaving.set()
                    for task in self._tasks:
                        task.cancel()
        finally:
            self._left.set()

    async def stop(self, grace: float) -> None:
        """Start no more jobs, let what runs end within ``grace`` seconds, then leave.

        A job that takes longer stays ``running`` in its row; the next start goes on with it.
        """
        self._stopping = True
        if self._group is None or self._left.is_set():
            self._leaving.set()
            return
        pause = self._spawn(self._clock.sleep(grace), "grace")
        while busy := self._busy():
            await asyncio.wait({pause, *busy}, return_when=asyncio.FIRST_COMPLETED)
            if pause.done():
                if self._attempts:
                    _log.warning("dispatcher.leaving jobs=%d", len(self._attempts))
                break
        self._leaving.set()
        self._queue.changed.set()
        await self._left.wait()

    async def stop_job(self, job_id: JobId) -> None:
        """Stop that job and no other; returns when it has its ending or is not running here."""
        if (attempt := self._attempts.get(job_id)) is not None:
            attempt.stop(Reason.CANCEL)
            await attempt.over.wait()

    async def _work(self) -> None:
        asked = [self._spawn(self._refresh(lane), f"ask {lane.name}") for lane in self._lanes]
        await asyncio.wait(asked)
        for interrupted in await self._jobs.interrupted():
            await self._recover(interrupted)
        for lane in self._lanes:
            self._spawn(self._poll(lane), f"poll {lane.name}")
        while not self._leaving.is_set():
            self._queue.changed.clear()
            await self._look()
            await self._queue.changed.wait()

    async def _poll(self, lane: Lane) -> None:
        while True:
            await self._clock.sleep(self._rules.poll_seconds)
            await self._refresh(lane)
            # Also the beat on which waiting jobs expire and deliveries are tried again.
            self._queue.changed.set()

    async def _refresh(self, lane: Lane) -> None:
        try:
            await lane.refresh()
        except Exception:  # noqa: BLE001 - a backend's bug ends that backend's turn only
            _log.exception("backend.health_failed backend=%s", lane.name)
            lane.lost("its health could not be read")
        self._queue.slots = max(1, sum(other.slots for other in self._lanes))

    async def _recover(self, interrupted: Interrupted) -> None:
        """Go on with a job that was running when the process before this one ended."""
        job = interrupted.job
        lane = next((lane for lane in self._lanes if lane.name == job.backend), None)
        if lane is not None and lane.still_runs(interrupted.boot_id):
            _log.info("job.attached job=%s backend=%s", job.id, lane.name)
            attempt = self._attempt(job, lane, attached=True)
            if interrupted.cancel_asked:
                attempt.stop(Reason.CANCEL)
            self._begin(attempt)
            return
        again = job.attempts < self._rules.attempts
        if again and await self._jobs.requeue(job.id, endings.INTERRUPTED):
            _log.info("job.requeued job=%s attempts=%d code=interrupted", job.id, job.attempts)
        elif interrupted.cancel_asked:
            await self._ledger.end(job.id, JobState.RUNNING, JobState.CANCELLED, CANCELLED)
        else:
            await self._ledger.end(job.id, JobState.RUNNING, JobState.FAILED, endings.INTERRUPTED)

    async def _look(self) -> None:
        try:
            for job_id in await self._jobs.ids(JobState.DELIVERING):
                self._show(job_id)
            if not self._stopping:
                await self._start_jobs()
        except StorageError as error:
            _log.warning("store.unavailable detail=%s", error.detail)

    async def _start_jobs(self) -> None:
        (line, speeds), policy = await self._queue.line(), self._queue.policy
        await self._learn(line.waiting)
        fresh = await self._startable(line.waiting)
        if not fresh:
            policy.rest()
            return
        # A job that is queued again may still be tidied up after its last attempt.
        ready = [item for item in fresh if item.id not in self._attempts]
        suspects = [item for item in ready if item.is_suspect]
        isolation = isolate(policy.order(suspects), self._lanes, waited=self._waited)
        others = [item for item in ready if not item.is_suspect]
        lanes = [lane for lane in self._lanes if lane not in isolation.kept]
        pairs = pair(
            policy.order(others) if can_start(others, lanes) else (),
            lanes,
            speeds=speeds,
            waited=self._waited,
            avoided=self._demands.failed_on,
        )
        for item, lane in filter(None, (isolation.start, *pairs)):
            if self._stopping:
                return
            await self._start(item, lane, speeds.seconds(lane.name, item.model, item.work))

    async def _learn(self, waiting: Sequence[Waiting]) -> None:
        """See to it that it is known what each of the jobs asks for."""
        if unknown := self._demands.unknown(waiting):
            self._demands.learn(await self._jobs.params(unknown))
        self._demands.keep({item.id for item in waiting} | self._attempts.keys())

    async def _startable(self, waiting: Sequence[Waiting]) -> list[Waiting]:
        """The jobs that still have time, and somebody who can do them."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        self._patience = {
            item.id: self._patience.get(item.id, (monotonic, monotonic + item.deadline - now))
            for item in waiting
        }
        fresh = []
        for item in waiting:
            if self._patience[item.id][1] <= monotonic:
                await self._ledger.end(item.id, JobState.QUEUED, JobState.EXPIRED, endings.EXPIRED)
            elif all(lane.offers(item) is False for lane in self._lanes):
                is_known = any(lane.knows(item.model) for lane in self._lanes)
                fault = endings.NOT_POSSIBLE if is_known else endings.NO_BACKEND
                await self._ledger.end(item.id, JobState.QUEUED, JobState.FAILED, fault)
            else:
                fresh.append(item)
        return fresh

    def _waited(self, item: Waiting) -> float:
        return self._clock.monotonic() - self._patience[item.id][0]

    async def _start(self, item: Waiting, lane: Lane, seconds: float | None) -> None:
        """Start a waiting job, unless it has been cancelled or is over a limit by now."""
        try:
            job = await self._queue.job(item.id)
            check_request(job.request.params, await self._queue.limits(job.request.scope))
        except OverLimit as error:
            fault = endings.fault_of(error)
            await self._ledger.end(item.id, JobState.QUEUED, JobState.REFUSED, fault)
            return
        except UnknownJob:
            return  # its owner was forgotten meanwhile
        # Known before its row says running: whoever reads the row can stop it.
        attempt = self._attempt(job, lane, seconds=seconds, alone=item.is_suspect)
        started = None
        try:
            started = await self._jobs.start(
                job.id, backend=lane.name, boot_id=lane.health.boot_id, at=self._clock.now()
            )
        finally:
            if started is None:
                self._over(attempt)
        if started is not None:
            self._queue.policy.served(item)
            attempt.job = started
            _log.info(
                "job.started job=%s backend=%s attempt=%d alone=%s",
                *(job.id, lane.name, started.attempts, item.is_suspect),
            )
            self._begin(attempt)

    def _attempt(
        self,
        job: Job,
        lane: Lane,
        *,
        seconds: float | None = None,
        alone: bool = False,
        attached: bool = False,
    ) -> Attempt:
        attempt = Attempt(
            job,
            lane,
            attached=attached,
            blobs=self._queue.blobs,
            audience=self._audience,
            clock=self._clock,
            rules=self._rules,
        )
        self._attempts[job.id] = attempt
        lane.take(job.id, seconds=seconds, alone=alone)
        return attempt

    def _begin(self, attempt: Attempt) -> None:
        attempt.task = self._spawn(self._carry(attempt), f"job {attempt.job.id}")

    async def _carry(self, attempt: Attempt) -> None:
        """See an attempt to what follows from it. Nothing in one job harms the others."""
        job, stuck = attempt.job, False
        try:
            tell(lambda: self._audience.started(job), job)
            ending = await self._follow(attempt)
            self._judge(attempt, ending)
            stuck = isinstance(ending, Stopped) and not ending.proven
            if isinstance(ending, Unavailable | WorkerLost):
                await self._refresh(attempt.lane)
            await self._ledger.settle(job, ending)
        except Exception:  # noqa: BLE001 - the border around one job
            _log.exception("job.unsettled job=%s", job.id)
            with suppress(Exception):  # then its row stays running, and the next start goes on
                await self._ledger.end(job.id, JobState.RUNNING, JobState.FAILED, endings.INTERNAL)
        finally:
            self._over(attempt, stuck=stuck)

    def _judge(self, attempt: Attempt, ending: Ending) -> None:
        """Remember what the ending says about the backend."""
        if isinstance(ending, Result):
            attempt.lane.breaker.succeeded()
        elif is_its_fault(ending):
            attempt.lane.breaker.failed()
            self._demands.failed(attempt.job.id, attempt.lane.name)

    async def _follow(self, attempt: Attempt) -> Ending:
        try:
            return await attempt.follow()
        except Exception as error:  # noqa: BLE001 - the border around one attempt
            _log.exception("job.crashed job=%s backend=%s", attempt.job.id, attempt.lane.name)
            return GenerationError(detail=type(error).__name__)

    def _over(self, attempt: Attempt, *, stuck: bool = False) -> None:
        attempt.lane.release(attempt.job.id, stuck=stuck)
        self._queue.policy.ended(attempt.job.id, self._clock.monotonic() - attempt.began)
        del self._attempts[attempt.job.id]
        attempt.over.set()
        self._queue.changed.set()

    def _show(self, job_id: JobId) -> None:
        known = job_id in self._showing or not self._deliveries.is_due(job_id)
        if known or self._leaving.is_set():
            return
        task = self._spawn(self._deliveries.deliver(job_id), f"deliver {job_id}")
        self._showing[job_id] = task
        task.add_done_callback(lambda _: self._showing.pop(job_id, None))

    def _busy(self) -> set[asyncio.Task[None]]:
        carrying = {attempt.task for attempt in self._attempts.values() if attempt.task}
        return carrying | set(self._showing.values())

    def _spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        if self._group is None:
            raise RuntimeError("the dispatcher is not running")
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
