"""Leaves a backend alone that fails one job after the other although it says that it is well."""

from __future__ import annotations

import logging

from generation.clock import Clock
from generation.errors import BackendError, BadReply, Busy, TimedOut, Unavailable

_log = logging.getLogger(__name__)

FAILURES = 3
"""How many jobs in a row it may fail."""

_PAUSE = 30.0
_LONGEST_PAUSE = 600.0


class Breaker:
    """Closed while all is well; open for a pause after failures; then half open for one job.

    That job's success closes it, its failure opens it for twice as long. The pattern is that of
    M. Nygard, "Release It!" (2007).
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._failures = 0
        self._pause = _PAUSE
        self._until: float | None = None

    @property
    def most(self) -> int | None:
        """How many jobs it may have at once now; None for as many as it takes."""
        if self._until is None:
            return None
        return 0 if self._clock.monotonic() < self._until else 1

    def succeeded(self) -> None:
        """Take note of a job that was done there. Logs that it is trusted again."""
        if self._until is not None:
            _log.info("backend.trusted backend=%s", self._name)
        self._failures, self._pause, self._until = 0, _PAUSE, None

    def failed(self) -> None:
        """Take note of a job that it did not manage. Logs once when it is left alone."""
        self._failures += 1
        if self.most == 0 or self._failures < FAILURES:
            return  # jobs that ran beside the one that opened it tell nothing new
        if self._until is None:
            _log.warning(
                "backend.left_alone backend=%s failures=%d seconds=%g",
                *(self._name, self._failures, self._pause),
            )
        self._until = self._clock.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


def is_its_fault(ending: object) -> bool:
    """Whether a job's ending speaks against the backend, rather than the job or nobody."""
    if isinstance(ending, Busy):
        return False
    return isinstance(ending, Unavailable | BadReply | TimedOut) or type(ending) is BackendError
