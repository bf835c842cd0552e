"""A model's room on its device: shared by jobs that fit beside each other, or for one job alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from generation.worker.gatherer import JobCancelled, Seat
from generation.worker.ladder import Way
from generation.worker.pixels import tile
from generation.worker.placement import Placement, place

_LOOK_SECONDS = 0.5  # between two looks whether a job that waits is still wanted


class Room:
    """Who may use the loaded model now. ``usual`` is where its parts lie between jobs.

    ``clear`` takes other models off the device, before a job has it to itself.

    A model that does not lie on the device as a whole serves one job at a time: its parts move
    while they are used.
    """

    def __init__(
        self,
        base: Any,
        device: torch.device,
        usual: Placement = Placement.WHOLE,
        *,
        clear: Callable[[], None] = lambda: None,
    ) -> None:
        self.usual = usual
        self._clear = clear
        self._base = base
        self._device = device
        self._changed = threading.Condition()
        self._inside = 0
        self._wanted_alone = 0
        self._is_taken = False
        self._has_tiled = False
        self._now: Placement | None = usual

    @contextmanager
    def held(self, way: Way, seat: Seat) -> Iterator[bool]:
        """Around a job's work, in its own thread. False when the model cannot be placed so.

        Raises ``JobCancelled``, also while it waits for others to end.
        """
        if way.is_alone:
            with self._alone(seat):
                try:
                    yield seat.run(lambda: self._arrange(way.placement))
                finally:
                    seat.see_to(self._restore)
        elif self.usual is not Placement.WHOLE:
            with self._alone(seat):
                yield True
        else:
            with self._shared(seat):
                yield True

    @contextmanager
    def _shared(self, seat: Seat) -> Iterator[None]:
        with self._changed:
            # Those who want it alone would else never have it.
            self._wait(seat, lambda: not self._is_taken and not self._wanted_alone)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def _alone(self, seat: Seat) -> Iterator[None]:
        with self._changed:
            self._wanted_alone += 1
            try:
                self._wait(seat, lambda: not self._is_taken and not self._inside)
                self._is_taken = True
            finally:
                self._wanted_alone -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._is_taken = False
                self._changed.notify_all()

    def _wait(self, seat: Seat, is_free: Callable[[], bool]) -> None:
        while not is_free():
            if seat.is_cancelled:
                raise JobCancelled
            seat.stir()
            self._changed.wait(_LOOK_SECONDS)

    def _arrange(self, placement: Placement) -> bool:
        self._clear()
        self._has_tiled = tile(self._base.vae)
        return self._place(placement)

    def _restore(self) -> None:
        if self._has_tiled:
            self._base.vae.disable_tiling()
        if not self._place(self.usual):
            # What else is on the device has grown meanwhile.
            self.usual = Placement.BY_PART
            self._place(self.usual)

    def _place(self, placement: Placement) -> bool:
        if self._now is not placement:
            self._now = placement if place(self._base, self._device, placement) else None
        return self._now is placement
