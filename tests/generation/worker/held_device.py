"""A device's thread that tells what waits for it, and waits itself until a test lets it go on."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator

from generation.worker.calls import Call
from generation.worker.gatherer import Gatherer

PATIENCE = 120.0


class HeldDevice(Gatherer):
    def __init__(self) -> None:
        super().__init__(threads=1)
        self._arrivals: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._wanted = 0

    def _put(self, calls: list[Call]) -> None:
        super()._put(calls)
        self._arrivals.put(None)

    def _first(self) -> Call | None:
        if sum(call.is_step for call in self._waiting) >= self._wanted:
            self._wanted = 0
        found = super()._first()
        return None if found is not None and found.is_step and self._wanted else found

    def hold_steps(self, count: int) -> None:
        """Make no step until that many jobs wait for theirs. Other work is done meanwhile."""
        with self._changed:
            self._wanted = count

    def await_calls(self, count: int) -> None:
        """Return once that many more calls have begun to wait."""
        for _ in range(count):
            self._arrivals.get(timeout=PATIENCE)

    def hold(self) -> threading.Event:
        """Do nothing at all until the event is set."""
        gate, held = threading.Event(), threading.Event()

        def wait() -> None:
            held.set()
            gate.wait(PATIENCE)

        self.post(wait)
        held.wait(PATIENCE)
        return gate


@contextlib.contextmanager
def held_device() -> Iterator[HeldDevice]:
    device = HeldDevice()
    device.start()
    try:
        yield device
    finally:
        for seat in list(device._seats):
            seat.cancel()
        device.stop()
