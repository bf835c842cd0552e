"""Estimates come from what was measured, or are not given."""

from __future__ import annotations

import pytest

from generation.estimate import Speeds, seconds_until_start
from generation.line import Waiting
from generation.store import Sample, Started
from generation.types import JobId, OwnerId, ScopeId

SPEED = {"small": 2.0, "large": 10.0}


def waiting(model: str = "small", work: float = 5.0) -> Waiting:
    return Waiting(
        id=JobId("x"),
        owner=OwnerId("a"),
        scope=ScopeId("guild:1"),
        model=model,
        work=work,
        deadline=0.0,
    )


def done(seconds: float, *, model: str = "small", work: float = 1.0, at: str = "gpu") -> Sample:
    return Sample(backend=at, model=model, work=work, seconds=seconds)


def running(model: str = "small", work: float = 5.0, since: float = 0.0) -> Started:
    return Started(model=model, work=work, started_at=since)


def test_a_models_speed_is_the_median_so_that_one_slow_start_does_not_count() -> None:
    samples = [done(2.0), done(4.2, work=2.0), done(90.0), done(3.0, model="large", work=2.0)]
    assert Speeds(samples).of_models == {"small": 2.1, "large": 1.5}


def test_only_the_latest_jobs_count() -> None:
    assert Speeds([done(1.0)] * 20 + [done(50.0)] * 80).of_models == {"small": 1.0}


def test_each_backend_has_a_speed_of_its_own() -> None:
    speeds = Speeds([done(1.0, at="card"), done(30.0, at="processor")])
    assert speeds.seconds("card", "small", 4.0) == 4.0
    assert speeds.seconds("processor", "small", 4.0) == 120.0
    assert speeds.seconds("processor", "large", 4.0) is None


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
