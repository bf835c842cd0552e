"""Whether compiling is tried again, after lives of the worker that ended in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from generation.worker.speed.attempts import Attempts

ROOT = Path(__file__).parents[4]


def die_within(file: Path) -> None:
    program = (
        "import os, sys, pathlib\n"
        "from generation.worker.speed.attempts import Attempts\n"
        "with Attempts(pathlib.Path(sys.argv[1])).running():\n"
        "    os._exit(3)\n"
    )
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", program, str(file)], cwd=ROOT, check=False
    )
    assert done.returncode == 3


def test_attempts_that_their_process_did_not_survive_are_used_up_at_the_second(
    tmp_path: Path,
) -> None:
    file = tmp_path / "compiled" / "model.attempts"
    assert not Attempts(file).are_used_up
    die_within(file)
    assert not Attempts(file).are_used_up
    die_within(file)
    assert Attempts(file).are_used_up
    file.unlink()
    assert not Attempts(file).are_used_up


def test_an_attempt_that_ended_by_itself_does_not_count(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "model.attempts")
    die_within(tmp_path / "model.attempts")
    with pytest.raises(ValueError, match="no"), attempts.running():
        raise ValueError("no")
    die_within(tmp_path / "model.attempts")
    assert not attempts.are_used_up


def test_a_damaged_or_missing_file_counts_as_none(tmp_path: Path) -> None:
    file = tmp_path / "model.attempts"
    file.write_text("many")
    assert not Attempts(file).are_used_up
    with Attempts(None).running():
        pass
    assert not Attempts(None).are_used_up
