"""The two clocks everything reads: wall time for what is stored, monotonic time for durations."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A source of time. Tests pass one that they advance."""

    def now(self) -> float:
        """UNIX seconds, for what is written down. May jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, for durations. Never jumps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` of this clock's monotonic time."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """UNIX seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of ``time.monotonic``."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """``asyncio.sleep``."""
        await asyncio.sleep(seconds)
