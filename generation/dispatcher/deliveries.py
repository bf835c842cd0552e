"""Endings on their way to their owners: shown, put off, shown again after a crash."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from generation.audience import Audience
from generation.clock import Clock
from generation.dispatcher.rules import Rules
from generation.errors import DeliveryError, StorageError
from generation.shield import see_through
from generation.store import Store
from generation.types import Job, JobId, JobState

_log = logging.getLogger(__name__)

_AT_ONCE = 16  # each may hold some pictures in memory
_FIRST_WAIT = 2.0
_LONGEST_WAIT = 300.0
_CRASHES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class _PutOff:
    """A delivery that did not work yet. Times are of the monotonic clock."""

    since: float
    due: float
    failures: int
    crashes: int


class Deliveries:
    """Which jobs are being shown, and which are to be tried again when."""

    def __init__(self, *, store: Store, audience: Audience, clock: Clock, rules: Rules) -> None:
        self._store = store
        self._audience = audience
        self._clock = clock
        self._rules = rules
        self._doors = asyncio.Semaphore(_AT_ONCE)
        self._put_off: dict[JobId, _PutOff] = {}

    def is_due(self, job_id: JobId) -> bool:
        """False while the job's next try lies ahead."""
        put_off = self._put_off.get(job_id)
        return put_off is None or put_off.due <= self._clock.monotonic()

    async def deliver(self, job_id: JobId) -> None:
        """Show a job in ``delivering`` once. It ends, or is put off."""
        async with self._doors:
            try:
                job = await self._store.jobs.job(job_id)
            except StorageError as error:
                self._try_later(job_id, error.code, retry_after=0.0, crashed=False)
                return
            if job is None or job.state is not JobState.DELIVERING:
                self._put_off.pop(job_id, None)
                return  # forgotten, or shown since
            try:
                address = await self._audience.deliver(job)
                await self._close(job, address)
            except DeliveryError as error:
                await self._not_shown(job, error, crashed=False)
            except StorageError as error:
                # Shown, perhaps, but not written down: the audience recognises it next time.
                self._try_later(job_id, error.code, retry_after=0.0, crashed=False)
            except Exception:  # noqa: BLE001 - the border around the audience
                _log.exception("delivery.crashed job=%s", job.id)
                await self._not_shown(job, DeliveryError(retry_after=0.0), crashed=True)

    async def _close(self, job: Job, address: str) -> None:
        at = self._clock.now()
        await see_through(
            self._store.jobs.delivered(job.id, address, at=at), name=f"delivered {job.id}"
        )
        self._put_off.pop(job.id, None)
        _log.info("job.delivered job=%s outcome=%s", job.id, job.outcome)

    async def _not_shown(self, job: Job, error: DeliveryError, *, crashed: bool) -> None:
        if error.retry_after is not None and self._try_later(
            job.id, error.code, retry_after=error.retry_after, crashed=crashed
        ):
            return
        try:
            await self._store.jobs.undeliverable(job.id)
        except StorageError as storage:
            self._try_later(job.id, storage.code, retry_after=0.0, crashed=False)
            return
        self._put_off.pop(job.id, None)
        _log.warning(
            "delivery.given_up job=%s outcome=%s detail=%s", job.id, job.outcome, error.detail
        )

    def _try_later(self, job_id: JobId, code: str, *, retry_after: float, crashed: bool) -> bool:
        """Put the delivery off; False when it has been tried long enough."""
        now = self._clock.monotonic()
        last = self._put_off.get(job_id)
        failures = last.failures + 1 if last else 1
        crashes = (last.crashes if last else 0) + crashed
        since = last.since if last else now
        if now - since >= self._rules.delivery_seconds or crashes >= _CRASHES:
            return False
        backoff = min(_FIRST_WAIT * 2.0 ** min(failures - 1, 16), _LONGEST_WAIT)
        wait = max(retry_after, backoff)
        self._put_off[job_id] = _PutOff(
            since=since, due=now + wait, failures=failures, crashes=crashes
        )
        _log.info("delivery.put_off job=%s wait=%.0f code=%s", job_id, wait, code)
        return True
