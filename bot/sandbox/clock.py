"""The sandbox's time: a real clock for the demo, a manual one for tests."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A callback that is due later."""

    def cancel(self) -> None:
        """Keep the callback from running; harmless once it has run."""


class Clock(Protocol):
    """What every deadline of the sandbox is judged by."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` once that much time has passed on this clock."""


class SystemClock:
    """Real time; needs a running event loop."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` on the running event loop."""
        return asyncio.get_running_loop().call_later(seconds, callback)


class ManualClock:
    """Time that passes only when told, beginning at the host's present time.

    Discord's ids carry the time, and clients compare them with their own clock, hence the start.
    """

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start
        self._order = 0
        self._due: list[_ManualTimer] = []

    def now(self) -> float:
        """Seconds since the Unix epoch, as far as this clock has come."""
        return self._now

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` inside the `advance` that reaches it."""
        self._order += 1
        timer = _ManualTimer(self._now + seconds, self._order, callback)
        heapq.heappush(self._due, timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass and run what falls due, in order, each at its own moment."""
        if seconds < 0:
            message = "time only passes forwards"
            raise ValueError(message)
        end = self._now + seconds
        while self._due and self._due[0].when <= end:
            timer = heapq.heappop(self._due)
            self._now = max(self._now, timer.when)
            timer.fire()
        self._now = end


class _ManualTimer:
    __slots__ = ("_callback", "order", "when")

    def __init__(self, when: float, order: int, callback: Callable[[], None]) -> None:
        self.when = when
        self.order = order
        self._callback: Callable[[], None] | None = callback

    def __lt__(self, other: _ManualTimer) -> bool:
        return (self.when, self.order) < (other.when, other.order)

    def cancel(self) -> None:
        self._callback = None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()
