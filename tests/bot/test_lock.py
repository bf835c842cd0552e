"""Only one bot per data directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.lock import AlreadyRunning, DataDirectoryLock

HOLD = """
import sys
from pathlib import Path
from bot.lock import DataDirectoryLock
lock = DataDirectoryLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[DataDirectoryLock]:
    lock = DataDirectoryLock(tmp_path / "a" / "data")
    yield lock
    lock.release()


def test_the_directory_is_made(lock: DataDirectoryLock, tmp_path: Path) -> None:
    lock.acquire()
    assert (tmp_path / "a" / "data").is_dir()


def test_another_process_is_told_who_holds_it(lock: DataDirectoryLock, tmp_path: Path) -> None:
    with holder(tmp_path / "a" / "data") as process:
        with pytest.raises(AlreadyRunning, match=rf"already running \(process {process.pid}\)"):
            lock.acquire()
        process.communicate()


def test_a_killed_process_lets_go(lock: DataDirectoryLock, tmp_path: Path) -> None:
    with holder(tmp_path / "a" / "data") as process:
        process.kill()
        process.communicate()
    lock.acquire()
    assert (tmp_path / "a" / "data" / "easel.lock").read_text() == f"{os.getpid()}\n"


def test_it_can_be_taken_again_after_release(lock: DataDirectoryLock, tmp_path: Path) -> None:
    lock.acquire()
    with pytest.raises(AlreadyRunning):
        DataDirectoryLock(tmp_path / "a" / "data").acquire()
    lock.release()
    lock.acquire()


def holder(directory: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-c", HOLD, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process
