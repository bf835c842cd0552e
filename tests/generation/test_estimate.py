"""Estimates come from what was measured, or are not given."""

from __future__ import annotations

import pytest

from generation.estimate import seconds_until_start, speeds
from generation.store import Started
from generation.types import JobId, OwnerId, Waiting

SPEED = {"small": 2.0, "large": 10.0}


def waiting(model: str = "small", work: float = 5.0) -> Waiting:
    return Waiting(id=JobId("x"), owner=OwnerId("a"), model=model, work=work, deadline=0.0)


def running(model: str = "small", work: float = 5.0, since: float = 0.0) -> Started:
    return Started(model=model, work=work, started_at=since)


def test_a_models_speed_is_the_median_so_that_one_slow_start_does_not_count() -> None:
    samples = [("small", 1.0, 2.0), ("small", 2.0, 4.2), ("small", 1.0, 90.0), ("large", 2.0, 3.0)]
    assert speeds(samples) == {"small": 2.1, "large": 1.5}


def test_only_the_latest_jobs_count() -> None:
    recent, old = [("small", 1.0, 1.0)] * 20, [("small", 1.0, 50.0)] * 80
    assert speeds(recent + old) == {"small": 1.0}


@pytest.mark.parametrize(
    ("ahead", "now_running", "slots", "expected"),
    [
        ([], [], 1, 0.0),
        ([], [running()], 2, 0.0),
        ([], [running()], 1, 7.0),
        ([waiting(), waiting("large", 1.0)], [running()], 1, 27.0),
        ([waiting(), waiting("large", 1.0)], [running(), running()], 2, 17.0),
        ([], [running(since=-100.0)], 1, 0.0),
    ],
)
def test_the_wait_is_what_is_left_ahead_shared_by_the_slots(
    ahead: list[Waiting], now_running: list[Started], slots: int, expected: float
) -> None:
    assert seconds_until_start(ahead, now_running, speed=SPEED, slots=slots, now=3.0) == expected


def test_a_model_never_measured_gives_no_estimate() -> None:
    for ahead, now_running in (([waiting("new")], []), ([], [running("new")])):
        assert seconds_until_start(ahead, now_running, speed=SPEED, slots=1, now=0.0) is None
