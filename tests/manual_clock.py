"""A clock that stands still until a test advances it."""

from __future__ import annotations

import asyncio
import heapq
import itertools

_TURNS = 20  # of the loop, for woken tasks to go on and perhaps sleep again


class ManualClock:
    """Both clocks in one. ``advance`` moves them; ``jump`` moves wall time alone."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1_000.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, float, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake = asyncio.get_running_loop().create_future()
        due = self._monotonic + seconds
        heapq.heappush(self._sleepers, (due, next(self._order), seconds, wake))
        self._changed.set()
        await wake

    async def asleep(self, seconds: float) -> None:
        """Return once somebody sleeps who asked for exactly that long."""
        while not any(asked == seconds and not wake.done() for _, _, asked, wake in self._sleepers):
            self._changed.clear()
            await self._changed.wait()

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking sleepers in the order in which they are due."""
        target = self._monotonic + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, _, wake = heapq.heappop(self._sleepers)
            if wake.done():
                continue
            self._pass_to(due)
            wake.set_result(None)
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        self._pass_to(target)

    def jump(self, seconds: float) -> None:
        """Set wall time forward or back, as an administrator or NTP would."""
        self._now += seconds

    def _pass_to(self, monotonic: float) -> None:
        if monotonic > self._monotonic:
            self._now += monotonic - self._monotonic
            self._monotonic = monotonic
