"""How large a call pays, by a clock that the test moves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from generation.worker.calibration import MOST_ROWS, Calibration, Measured, NoLimits, Notes


class Device:
    """Takes ``seconds(jobs)`` for a call of so many jobs, and a while more for the first."""

    def __init__(self, seconds: Callable[[int], float]) -> None:
        self.now = 0.0
        self.runs: list[int] = []
        self._seconds = seconds

    def run(self, jobs: int) -> None:
        self.now += self._seconds(jobs) + (0.0 if self.runs else 5 * self._seconds(jobs))
        self.runs.append(jobs)

    def clock(self) -> float:
        return self.now


def measured(seconds: Callable[[int], float], rows: int = 1) -> tuple[int | None, Device]:
    device = Device(seconds)
    calibration = Calibration(Notes(None), "model", timer=device.clock)
    calibration.measure("4x8x8", rows, device.run)
    return calibration.most("4x8x8"), device


def saturating(jobs: int) -> float:
    """Up to four cost what one does; after that, each its share."""
    return 0.01 * max(1.0, jobs / 4)


def test_calls_double_until_the_gain_is_gone() -> None:
    most, device = measured(saturating)
    assert most == 4
    assert sorted(set(device.runs)) == [1, 2, 4, 8]


def test_a_busy_device_is_given_single_calls() -> None:
    most, _ = measured(lambda jobs: 0.01 * jobs, rows=2)
    assert most == 2


@pytest.mark.parametrize(("gain", "most"), [(1.09, 1), (1.11, 2)])
def test_a_tenth_more_is_worth_it(gain: float, most: int) -> None:
    assert measured(lambda jobs: {1: 0.1, 2: 0.2 / gain}.get(jobs, 9.0))[0] == most


def test_rows_have_an_upper_bound() -> None:
    assert measured(lambda _: 0.01)[0] == MOST_ROWS
    assert measured(lambda _: 0.01, rows=3)[0] == 24
    assert measured(lambda _: 0.01, rows=2 * MOST_ROWS)[0] == 2 * MOST_ROWS


def test_measuring_a_slow_model_is_given_up_early() -> None:
    most, device = measured(lambda _: 1.5)
    assert most == 1
    assert device.runs == [1]


def test_running_out_of_memory_ends_the_doubling() -> None:
    def cramped(jobs: int) -> float:
        if jobs > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 0.01

    assert measured(cramped)[0] == 2


def test_another_error_is_passed_on_and_nothing_is_known() -> None:
    def broken(_: int) -> None:
        raise ZeroDivisionError

    calibration = Calibration(Notes(None), "model")
    with pytest.raises(ZeroDivisionError):
        calibration.measure("4x8x8", 1, broken)
    assert calibration.most("4x8x8") is None


def test_a_measurement_outlives_the_process_and_holds_for_its_setting_and_size(
    tmp_path: Path,
) -> None:
    file = tmp_path / "data" / "calibration.json"
    Calibration(Notes(file), "model on cpu").note("4x8x8", Measured(rows=2, jobs=3))
    Calibration(Notes(file), "model on cuda").note("4x8x8", Measured(rows=2, jobs=8))
    again = Calibration(Notes(file), "model on cpu")
    assert again.known("4x8x8") == Measured(rows=2, jobs=3)
    assert again.most("4x8x8") == 6
    assert again.most("4x8x16") is None
    assert Calibration(Notes(file), "other").most("4x8x8") is None
    assert [path.name for path in file.parent.iterdir()] == ["calibration.json"]


def test_two_workers_keep_each_others_measurements(tmp_path: Path) -> None:
    one, two = Notes(tmp_path / "notes"), Notes(tmp_path / "notes")
    one.write("a", "4x8x8", Measured(rows=1, jobs=1))
    two.write("a", "4x8x16", Measured(rows=1, jobs=2))
    two.write("b", "4x8x8", Measured(rows=1, jobs=4))
    after = Notes(tmp_path / "notes")
    assert after.read("a", "4x8x8") == Measured(rows=1, jobs=1)
    assert after.read("a", "4x8x16") == Measured(rows=1, jobs=2)
    assert after.read("b", "4x8x8") == Measured(rows=1, jobs=4)


@pytest.mark.parametrize(
    "content", ["", "[", "[]", "3", '{"a": []}', '{"a": {"b": [1]}}', '{"a": {"b": ["x", 1]}}']
)
def test_a_damaged_file_counts_as_empty_and_is_written_anew(tmp_path: Path, content: str) -> None:
    file = tmp_path / "notes"
    file.write_text(content)
    notes = Notes(file)
    assert notes.read("a", "b") is None
    notes.write("a", "b", Measured(rows=1, jobs=2))
    assert json.loads(file.read_text()) == {"a": {"b": [1, 2]}}


def test_a_place_that_cannot_be_written_to_costs_only_the_memory_of_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    notes = Notes(tmp_path / "file" / "notes")
    notes.write("a", "b", Measured(rows=1, jobs=2))
    assert notes.read("a", "b") == Measured(rows=1, jobs=2)


@pytest.mark.parametrize("limits", [NoLimits(), Calibration(Notes(None), "model")])
def test_a_bound_that_memory_set_holds(limits: NoLimits | Calibration) -> None:
    limits.measure("4x8x8", 2, lambda _: None)
    limits.lower("4x8x8", 3)
    assert limits.most("4x8x8") == 3
    limits.lower("4x8x8", 0)
    assert limits.most("4x8x8") == 1
