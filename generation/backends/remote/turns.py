"""A server's slots: a job holds one until the server is proven to be done with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from generation.backends.remote.standing import Patience
from generation.clock import Clock
from generation.types import JobId

_LOG = logging.getLogger(__name__)


class Turns:
    """Lets as many jobs at the server as it has slots, in the order in which they came.

    A job that this side gave up on may go on there. ``is_rid_of`` is asked until it says that the
    server has nothing more to do with it; only then the next one has its turn.
    """

    def __init__(
        self,
        slots: int,
        *,
        is_rid_of: Callable[[JobId], Awaitable[bool]],
        clock: Clock,
        patience: Patience,
        name: str,
    ) -> None:
        self._slots = slots
        self._gate = asyncio.Semaphore(slots)
        self._is_rid_of = is_rid_of
        self._clock = clock
        self._patience = patience
        self._name = name
        self._lingering: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def slots(self) -> int:
        """How many jobs it can have at once now."""
        return max(0, self._slots - len(self._lingering))

    @asynccontextmanager
    async def taken(self, job_id: JobId) -> AsyncIterator[None]:
        """Wait for a slot and hold it for the block; longer where the block ends by an error."""
        await self._gate.acquire()
        try:
            yield
        except BaseException:
            if self._is_closed:
                self._gate.release()
                raise
            lingering = asyncio.create_task(self._linger(job_id), name=f"remote-linger-{job_id}")
            self._lingering.add(lingering)
            lingering.add_done_callback(self._rid)
            raise
        self._gate.release()

    async def aclose(self) -> None:
        """Wait for nothing any more."""
        self._is_closed = True
        lingering = list(self._lingering)
        for task in lingering:
            task.cancel()
        await asyncio.gather(*lingering, return_exceptions=True)

    def _rid(self, lingering: asyncio.Task[None]) -> None:
        self._lingering.discard(lingering)
        self._gate.release()
        if not lingering.cancelled() and (bug := lingering.exception()) is not None:
            _LOG.error("linger_crashed backend=%s", self._name, exc_info=bug)

    async def _linger(self, job_id: JobId) -> None:
        began = self._clock.monotonic()
        while not await self._is_rid_of(job_id):
            if self._clock.monotonic() - began >= self._patience.rid:
                _LOG.warning("job_never_left backend=%s job=%s", self._name, job_id)
                return
            await self._clock.sleep(self._patience.look)
