"""Makes sure that only one bot uses a data directory at a time."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

LOCK_NAME = "easel.lock"


class AlreadyRunning(Exception):
    """Another process holds the directory. The text tells which, and what to do."""


class DataDirectoryLock:
    """Holds a data directory for this process; the system lets go even after a crash."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the directory, making it if there is none. Touches the disk.

        Raises ``AlreadyRunning``, or ``OSError`` when the directory cannot be written.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        file = (self._directory / LOCK_NAME).open("a+", encoding="ascii")
        if not _try_lock(file):
            with file:
                raise AlreadyRunning(_sentence(self._directory, file))
        self._file = file
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()

    def release(self) -> None:
        """Let go. Safe to call twice."""
        if self._file is not None:
            self._file.close()  # which ends the lock
            self._file = None


def _sentence(directory: Path, file: IO[str]) -> str:
    file.seek(0)
    try:
        owner = file.read(20).strip()
    except OSError:  # Windows does not let others read a locked range
        owner = ""
    who = f" (process {owner})" if owner.isdecimal() else ""
    return (
        f"Easel is already running{who} with the data directory {directory}. "
        "Stop it first, or give this one another directory under [data] in its configuration."
    )


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[str]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
