"""Remembers, across lives of the worker, that compiling a model began and that it went well."""

from __future__ import annotations

import contextlib
from pathlib import Path

MOST_UNFINISHED = 2
"""Attempts that killed their worker after which no more are made: the next would die like them."""


class Attempts:
    """Attempts at one model, counted in a file; without one nothing is remembered.

    An attempt counts from its beginning until it is forgotten, so that what ends the process, or
    loses the device, meanwhile leaves it counted.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file

    @property
    def are_used_up(self) -> bool:
        """Whether it has gone wrong too often."""
        return self._count() >= MOST_UNFINISHED

    def begin(self) -> None:
        """Count one more."""
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.file.write_text(str(self._count() + 1), encoding="ascii")

    def forget(self) -> None:
        """Count none: it went well, or failed in a way that harms nobody."""
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.unlink(missing_ok=True)

    def _count(self) -> int:
        try:
            return int(self.file.read_text(encoding="ascii")) if self.file is not None else 0
        except (OSError, ValueError):
            return 0
