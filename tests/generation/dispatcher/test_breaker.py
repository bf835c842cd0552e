"""A backend that fails job after job is left alone for a while, then tried with one."""

from __future__ import annotations

import logging

import pytest

from generation.dispatcher.attempt import Ending, Reason, Stopped
from generation.dispatcher.breaker import FAILURES, Breaker, is_its_fault
from generation.errors import (
    BackendError,
    BadReply,
    BlankOutput,
    Busy,
    OutOfMemory,
    Rejected,
    TimedOut,
    Unavailable,
    WorkerLost,
)
from tests.generation.stage import result
from tests.manual_clock import ManualClock


def failing(breaker: Breaker, times: int = FAILURES) -> None:
    for _ in range(times):
        breaker.failed()


def test_it_opens_after_failures_in_a_row() -> None:
    breaker = Breaker("one", ManualClock())
    for _ in range(FAILURES):
        assert breaker.most is None
        breaker.failed()
    assert breaker.most == 0


@pytest.mark.parametrize("ending", [Unavailable(), BadReply(), TimedOut(), BackendError()])
def test_some_endings_speak_against_the_backend(ending: Ending) -> None:
    assert is_its_fault(ending)


@pytest.mark.parametrize(
    "ending",
    [
        Busy(),
        OutOfMemory(),
        BlankOutput(),
        Rejected(),
        WorkerLost(),
        result(),
        Stopped(reason=Reason.CANCEL, proven=True),
    ],
)
def test_others_are_the_jobs_own_fault_or_nobodys(ending: Ending) -> None:
    assert not is_its_fault(ending)


def test_a_success_in_between_begins_the_count_anew() -> None:
    breaker = Breaker("one", ManualClock())
    failing(breaker, FAILURES - 1)
    breaker.succeeded()
    failing(breaker, FAILURES - 1)
    assert breaker.most is None


async def test_after_a_pause_one_job_may_try_and_its_success_closes_it() -> None:
    clock = ManualClock()
    breaker = Breaker("one", clock)
    failing(breaker)
    await clock.advance(30.0)
    assert breaker.most == 1
    breaker.succeeded()
    assert breaker.most is None


async def test_each_failed_try_doubles_the_pause_up_to_ten_minutes() -> None:
    clock = ManualClock()
    breaker = Breaker("one", clock)
    failing(breaker)
    pauses = []
    for _ in range(7):
        pause = 0
        while breaker.most == 0:
            await clock.advance(30.0)
            pause += 30
        pauses.append(pause)
        breaker.failed()
    assert pauses == [30, 60, 120, 240, 480, 600, 600]


def test_jobs_that_ran_beside_the_one_that_opened_it_do_not_count_twice() -> None:
    clock = ManualClock()
    breaker = Breaker("one", clock)
    failing(breaker, FAILURES + 5)
    assert breaker._until == clock.monotonic() + 30.0


async def test_it_is_logged_once_when_it_is_left_alone_and_once_when_it_is_trusted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    breaker = Breaker("one", clock)
    with caplog.at_level(logging.INFO):
        failing(breaker)
        await clock.advance(30.0)
        breaker.failed()
        await clock.advance(60.0)
        breaker.succeeded()
        breaker.succeeded()
    assert [record.getMessage() for record in caplog.records] == [
        "backend.left_alone backend=one failures=3 seconds=30",
        "backend.trusted backend=one",
    ]
