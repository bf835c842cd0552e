"""Keeps what a device has been told to do close to what it has done."""

from __future__ import annotations

import contextlib
from typing import Any

import torch


class Pace:
    """For the thread that owns a device, between two steps of jobs.

    A graphics card is told of a whole picture in a fraction of the time that it takes to draw
    one. Without a pause, progress would run ahead of the picture, a cancelled job would be drawn
    to its end all the same, and one that comes meanwhile would wait for all of it.
    """

    def __init__(self) -> None:
        self._end: Any = None

    def keep(self, device: torch.device) -> None:
        """Return when the device has done what it was told, which others than cards do at once."""
        if device.type != "cuda":
            return
        with torch.cuda.device(device):
            if self._end is None:
                # A thread that waits for this one sleeps: the jobs' threads need the processor.
                self._end = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
            self._end.record()
        # A device that is lost says so again at its next call, which tells the jobs.
        with contextlib.suppress(RuntimeError):
            self._end.synchronize()
