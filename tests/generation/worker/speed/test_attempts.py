"""Whether compiling is tried again, after lives of the worker that ended in it."""

from __future__ import annotations

from pathlib import Path

from generation.worker.speed.attempts import Attempts


def test_attempts_that_nobody_saw_end_are_used_up_at_the_second(tmp_path: Path) -> None:
    file = tmp_path / "compiled" / "model.attempts"
    assert not Attempts(file).are_used_up
    Attempts(file).begin()
    assert not Attempts(file).are_used_up
    Attempts(file).begin()
    assert Attempts(file).are_used_up
    file.unlink()
    assert not Attempts(file).are_used_up


def test_an_attempt_that_went_well_does_not_count(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "model.attempts")
    attempts.begin()
    attempts.forget()
    attempts.begin()
    assert not attempts.are_used_up


def test_a_damaged_or_missing_file_counts_as_none(tmp_path: Path) -> None:
    file = tmp_path / "model.attempts"
    file.write_text("many")
    assert not Attempts(file).are_used_up
    nowhere = Attempts(None)
    nowhere.begin()
    nowhere.begin()
    assert not nowhere.are_used_up
