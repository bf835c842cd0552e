"""Remembers, across lives of the worker, that compiling a model began and was never seen to end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

MOST_UNFINISHED = 2
"""Unfinished attempts after which the next is not made: the third worker would die like them."""


class Attempts:
    """Attempts at one model, counted in a file; without one nothing is remembered."""

    def __init__(self, file: Path | None) -> None:
        self.file = file

    @property
    def are_used_up(self) -> bool:
        """Whether the last attempts all ended with their process."""
        return self._unfinished() >= MOST_UNFINISHED

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Around an attempt. Only the process's death leaves it counted."""
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.file.write_text(str(self._unfinished() + 1), encoding="ascii")
        try:
            yield
        finally:
            self.forget()

    def forget(self) -> None:
        """Count no attempt, also not the one that is running."""
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.unlink(missing_ok=True)

    def _unfinished(self) -> int:
        try:
            return int(self.file.read_text(encoding="ascii")) if self.file is not None else 0
        except (OSError, ValueError):
            return 0
