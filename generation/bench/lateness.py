"""How late an event loop's timers come: what a member feels while something blocks the bot."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

TICK = 0.01


@dataclass(kw_only=True, slots=True)
class Ticks:
    """Delays of a timer that goes off every 10 ms, in seconds."""

    late: list[float] = field(default_factory=list)

    def worst_ms(self) -> float:
        """The longest delay. Raises ``ValueError`` before the first tick."""
        return max(self.late) * 1000


@contextlib.contextmanager
def ticking() -> Iterator[Ticks]:
    """Let the timer go off beside what is awaited inside."""
    loop = asyncio.get_running_loop()
    ticks = Ticks()

    def go_off(due: float) -> None:
        ticks.late.append(max(0.0, loop.time() - due))
        set_timer()

    def set_timer() -> None:
        due = loop.time() + TICK
        timers.append(loop.call_at(due, go_off, due))

    timers: deque[asyncio.TimerHandle] = deque(maxlen=1)
    set_timer()
    try:
        yield ticks
    finally:
        timers[0].cancel()
