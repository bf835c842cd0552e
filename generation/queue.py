"""The queue as the bot sees it: submit, ask, cancel. It owns no tasks; the dispatcher does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from generation.blobs import Blobs
from generation.clock import Clock
from generation.errors import Closing, UnknownJob
from generation.estimate import Speeds, seconds_until_start
from generation.limits import Limits, check_limit
from generation.line import Outlook, Place, Ticket, Waiting
from generation.policy import FairShare
from generation.shares import USUAL, check_share
from generation.store import Line, Store
from generation.types import BlobId, Job, JobId, JobState, OwnerId, Request, ScopeId

_log = logging.getLogger(__name__)

_SHARE = "share:"
_RECENT_SECONDS = 5.0
_STRAYS_AT_ONCE = 200  # so that nobody waits long for the database

Stop = Callable[[JobId], Awaitable[None]]


class Queue:
    """Every accepted job is a row; this is the door to it.

    ``defaults`` are the limits of a scope that has none of its own, ``bound`` is how many jobs
    may wait in all. ``store``, ``blobs``, ``policy``, ``changed`` and ``slots`` are shared with
    the dispatcher: it waits for ``changed`` and says in ``slots`` how many jobs run at once.
    """

    def __init__(
        self, *, store: Store, blobs: Blobs, clock: Clock, defaults: Limits, bound: int
    ) -> None:
        self.store = store
        self.blobs = blobs
        self.policy = FairShare()
        self.changed = asyncio.Event()
        self.slots = 1
        self._clock = clock
        self._defaults = defaults
        self._bound = bound
        self._stop: Stop | None = None
        self._is_closed = False
        self._looking = asyncio.Lock()
        self._seen: _Order | None = None
        self._seen_at = 0.0

    def on_stop(self, stop: Stop) -> None:
        """Name who stops a running job; it returns when the job has an ending."""
        self._stop = stop

    def close(self) -> None:
        """Accept nothing more: the bot is about to stop."""
        self._is_closed = True

    async def submit(self, request: Request) -> Ticket:
        """Accept a request. It is durable when this returns.

        The same ``dedupe_key`` again returns the job it made before. Raises ``OverLimit``,
        ``QueueFull``, ``Closing`` and ``StorageError``.
        """
        if self._is_closed:
            raise Closing
        await self.blobs.require_room()
        admission = await self.store.jobs.admit(request, defaults=self._defaults, bound=self._bound)
        if not admission.duplicate:
            _log.info("job.accepted job=%s model=%s", request.id, request.params.model)
            self.changed.set()
        # The job may have started since, and a duplicate may have ended: then nobody is ahead.
        place = await self.place(admission.job.id) or Place(ahead=0, eta_seconds=0.0)
        return Ticket(job=admission.job, place=place, duplicate=admission.duplicate)

    async def job(self, job_id: JobId) -> Job:
        """The job. Raises ``UnknownJob``."""
        job = await self.store.jobs.job(job_id)
        if job is None:
            raise UnknownJob(detail=f"job={job_id}")
        return job

    async def recent(self, owner: OwnerId, *, count: int = 10) -> list[Job]:
        """The owner's latest jobs, the latest first."""
        return await self.store.jobs.recent(owner, count=count)

    async def unfinished_of(self, owner: OwnerId, *, count: int = 10) -> list[Job]:
        """The owner's first jobs that wait or run, in the order of admission."""
        return await self.store.jobs.unfinished_of(owner, count=count)

    async def parked(self, owner: OwnerId, *, count: int = 10) -> list[Job]:
        """The owner's latest jobs whose ending could not be shown anywhere, the latest first."""
        return await self.store.jobs.parked(owner, count=count)

    async def shown(self, job_id: JobId) -> None:
        """Note that a parked job's ending has been shown after all."""
        await self.store.jobs.shown(job_id, at=self._clock.now())

    async def outlook(self) -> Outlook:
        """How things stand for whoever asks for something now."""
        line, speeds = await self.line()
        eta = seconds_until_start(
            line.waiting,
            line.running,
            speed=speeds.of_models,
            slots=self.slots,
            now=self._clock.now(),
        )
        return Outlook(waiting=len(line.waiting), running=len(line.running), eta_seconds=eta)

    async def place(self, job_id: JobId) -> Place | None:
        """Where the job stands if nobody else joins; None if it is not waiting."""
        return self._place(job_id, self._order(*await self.line()))

    async def recent_place(self, job_id: JobId) -> Place | None:
        """``place`` as it was a few seconds ago at most, for the many who only look at theirs.

        Hundreds who wait would else have the whole queue read for each of them, again and again.
        """
        async with self._looking:
            now = self._clock.monotonic()
            if self._seen is None or now - self._seen_at >= _RECENT_SECONDS:
                self._seen, self._seen_at = self._order(*await self.line()), now
        return self._place(job_id, self._seen)

    async def line(self) -> tuple[Line, Speeds]:
        """The queue as it is now, and the speeds by which the policy now reckons."""
        line = await self.store.jobs.line()
        speeds = Speeds(line.samples)
        self.policy.measured(speeds.of_models)
        return line, speeds

    async def cancel(self, job_id: JobId) -> Job:
        """Stop a job; one that has its ending already stays as it is. Raises ``UnknownJob``.

        Returns the job as it is when it has stopped. Whether it was cancelled or had just been
        done is its outcome.
        """
        job = await self.store.jobs.cancel(job_id, at=self._clock.now())
        if job is None:
            raise UnknownJob(detail=f"job={job_id}")
        self.changed.set()
        if job.state is JobState.RUNNING and self._stop is not None:
            await self._stop(job_id)
            return await self.job(job_id)
        return job

    async def abandon(self, scope: ScopeId) -> int:
        """Cancel what waits or runs in a scope that nothing can be shown in any more.

        Returns how many jobs that were.
        """
        if jobs := await self._cancel_all(lambda request: request.scope == scope):
            _log.info("scope.abandoned scope=%s jobs=%d", scope, jobs)
        return jobs

    async def set_delivery(self, job_id: JobId, delivery: str) -> None:
        """Replace the delivery address. Raises ``UnknownJob``."""
        if not await self.store.jobs.set_delivery(job_id, delivery):
            raise UnknownJob(detail=f"job={job_id}")

    async def keep(self, data: bytes) -> BlobId:
        """Store a picture for a request's ``inputs``. Drop it again if the request is refused."""
        return await self.blobs.put(data)

    async def drop(self, blob: BlobId) -> None:
        """Forget a picture, unless a job refers to it."""
        await self._delete(await self.store.jobs.unreferenced(frozenset({blob})))

    async def picture(self, blob: BlobId) -> bytes:
        """A stored picture. Raises ``PictureGone``."""
        return await self.blobs.get(blob)

    async def drop_strays(self, before: float) -> int:
        """Delete pictures stored before a UNIX time that no job refers to. Returns how many.

        A crash between storing a picture and its job leaves such ones. What is older than every
        job stays: it may belong to a database that has been moved away.
        """
        since = await self.store.jobs.earliest()
        if since is None:
            return 0
        candidates = await self.blobs.stored_between(since, before)
        dropped = 0
        for start in range(0, len(candidates), _STRAYS_AT_ONCE):
            some = frozenset(candidates[start : start + _STRAYS_AT_ONCE])
            strays = await self.store.jobs.unreferenced(some)
            await self._delete(strays)
            dropped += len(strays)
        if dropped:
            _log.info("pictures.strays_dropped pictures=%d", dropped)
        return dropped

    async def discard(self, job_id: JobId) -> None:
        """Forget the pictures a job has made; its settings stay. Raises ``UnknownJob``."""
        blobs = await self.store.jobs.discard(job_id)
        if blobs is None:
            raise UnknownJob(detail=f"job={job_id}")
        await self._delete(blobs)

    async def limits(self, scope: ScopeId) -> Limits:
        """The limits that apply in a scope."""
        return await self.store.settings.limits(scope, self._defaults)

    async def set_limit(self, scope: ScopeId, field: str, value: int) -> Limits:
        """Set one limit of a scope, and return all that apply there then.

        Raises ``InvalidParams`` for an unknown one, or a value outside its range. Waiting jobs
        are checked again when they start.
        """
        check_limit(field, value)
        return await self.store.settings.set_limit(scope, field, value, self._defaults)

    async def shares(self, scope: ScopeId) -> dict[str, float]:
        """How much of the queue some groups of a scope get, where it is not the usual share."""
        stored = await self.store.settings.find(scope, _SHARE)
        return {
            key: float(value) for key, value in stored.items() if isinstance(value, int | float)
        }

    async def set_share(self, scope: ScopeId, group: str, share: float) -> dict[str, float]:
        """Set a group's share, and return all that are set then. Raises ``InvalidParams``.

        Jobs that wait already keep the weight that they were accepted with.
        """
        check_share(share)
        value = None if share == USUAL else float(share)
        await self.store.settings.set(scope, f"{_SHARE}{group}", value)
        return await self.shares(scope)

    async def forget(self, owner: OwnerId) -> int:
        """Delete everything about a person: jobs in whatever state, and their pictures.

        Running jobs are stopped first. Returns how many jobs there were.
        """
        await self._cancel_all(lambda request: request.owner == owner)
        forgotten = await self.store.forget_owner(owner)
        await self._delete(forgotten.blobs)
        _log.info("owner.forgotten jobs=%d pictures=%d", forgotten.jobs, len(forgotten.blobs))
        return forgotten.jobs

    async def forget_ended_before(self, moment: float) -> int:
        """Delete jobs that ended before a UNIX time, with their pictures. Returns how many.

        A job that still waits to be shown is kept.
        """
        jobs = 0
        while (forgotten := await self.store.forget_ended_before(moment)).jobs:
            await self._delete(forgotten.blobs)
            jobs += forgotten.jobs
        if jobs:
            _log.info("jobs.forgotten jobs=%d", jobs)
        return jobs

    async def _cancel_all(self, concerned: Callable[[Request], bool]) -> int:
        """Cancel every such job that waits or runs. Returns how many that were."""
        active = (JobState.QUEUED, JobState.RUNNING)
        unfinished = await self.store.jobs.unfinished()
        jobs = [job for job in unfinished if job.state in active and concerned(job.request)]
        for job in jobs:
            await self.cancel(job.id)
        return len(jobs)

    async def _delete(self, blobs: frozenset[BlobId]) -> None:
        for blob in blobs:
            await self.blobs.delete(blob)

    def _order(self, line: Line, speeds: Speeds) -> _Order:
        return _Order(waiting=tuple(self.policy.order(line.waiting)), line=line, speeds=speeds)

    def _place(self, job_id: JobId, order: _Order) -> Place | None:
        waiting, running = order.waiting, order.line.running
        index = next((i for i, item in enumerate(waiting) if item.id == job_id), None)
        if index is None:
            return None
        eta = seconds_until_start(
            waiting[:index],
            running,
            speed=order.speeds.of_models,
            slots=self.slots,
            now=self._clock.now(),
        )
        return Place(ahead=index + len(running), eta_seconds=eta)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Order:
    """The queue at one moment, its waiting jobs as they would be served."""

    waiting: tuple[Waiting, ...]
    line: Line
    speeds: Speeds
