"""Planned trouble: which request is answered wrongly, late or not at all."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from bot.sandbox.clock import Clock, Timer

FaultKind: TypeAlias = Literal["status", "lost_answer", "cut", "rate_limit", "api_error", "hold"]
FAULT_KINDS = frozenset(get_args(FaultKind))


@dataclass(slots=True, kw_only=True, eq=False)
class Fault:
    """One planned fault: what, to which requests, from which one on and how many times.

    `route` is a regular expression searched in the path after `/api/v10`. `nth` counts matching
    requests from 1. The other fields belong to the kinds that use them; see API.md.
    """

    kind: FaultKind
    method: str | None = None
    route: str = ""
    nth: int = 1
    times: int = 1
    status: int = 500
    code: int = 0
    message: str = ""
    retry_after: float = 1.0
    via: bool = True
    everywhere: bool = False
    seconds: float | None = None
    seen: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def hits(self) -> int:
        """How many requests it has struck."""
        return max(0, min(self.times, self.seen - self.nth + 1))

    def release(self) -> None:
        """Let the requests go on that a `hold` keeps."""
        self.released.set()

    def strikes(self, method: str, path: str) -> bool:
        """Count the request if it matches, and tell whether the fault is for it."""
        if self.method not in {None, method} or not re.search(self.route, path):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class Faults:
    """The plan. A request meets the first fault that is for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._planned: list[Fault] = []

    def plan(self, fault: Fault) -> Fault:
        """Add a fault and return it, to be asked for `hits` or awaited by `reached`."""
        self._planned.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all plans and let held requests go on."""
        for fault in self._planned:
            fault.release()
        self._planned.clear()

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault that this request meets, or None."""
        struck = [fault for fault in self._planned if fault.strikes(method, path)]
        if not struck:
            return None
        struck[0].reached.set()
        return struck[0]

    async def hold(self, fault: Fault) -> None:
        """Wait until the fault lets its request go on."""
        timer: Timer | None = None
        if fault.seconds is not None:
            timer = self._clock.call_later(fault.seconds, fault.release)
        await fault.released.wait()
        if timer is not None:
            timer.cancel()
