"""The local backend and the many ways in which its worker can end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from generation.backends.base import Cancelled, Event, Failed, Work
from generation.backends.local import LocalBackend
from generation.backends.session import Patience
from generation.errors import Unavailable, WorkerLost
from generation.types import new_job_id
from generation.worker.settings import LocalModel
from tests.generation.local_models import params
from tests.manual_clock import ManualClock

NO_MODEL = LocalModel(name="none", title="None", path=Path("/nonexistent/model"))
PATIENCE = Patience(heartbeat=1.0, answer=3.0, cancel=7.0, stop=5.0, silence=100.0)

Maker = Callable[[str], LocalBackend]


def wish(**changes: object) -> Work:
    return Work(job_id=new_job_id(), params=params(**changes))


async def play(backend: LocalBackend, work: Work, after: int = 0) -> list[Event]:
    return [event async for event in backend.run(work, after)]


async def failure(backend: LocalBackend, work: Work) -> Exception:
    last = (await play(backend, work))[-1]
    assert isinstance(last, Failed), last
    return last.error


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def bad(clock: ManualClock) -> AsyncIterator[Maker]:
    made: list[LocalBackend] = []

    def make(way: str) -> LocalBackend:
        command = (sys.executable, "-m", "tests.generation.backends.bad_worker", way)
        backend = LocalBackend("bad", [NO_MODEL], clock=clock, patience=PATIENCE, command=command)
        made.append(backend)
        return backend

    yield make
    for backend in made:
        if backend._session is not None:
            backend._session.process.kill()
        await backend.aclose()


@pytest.mark.parametrize("way", ["aborts", "half frame", "giant frame", "nonsense", "device lost"])
async def test_a_worker_that_dies_under_a_job_fails_that_job_and_is_replaced(
    bad: Maker, way: str
) -> None:
    backend = bad(way)
    await backend.start()
    before = (await backend.health()).boot_id
    assert isinstance(await failure(backend, wish()), WorkerLost)
    await backend.start()
    after = await backend.health()
    assert after.ok
    assert after.boot_id not in {before, ""}
    assert after.running == ()


async def test_a_frame_that_stops_in_its_middle_is_not_waited_for_for_ever(
    bad: Maker, clock: ManualClock
) -> None:
    backend, work = bad("stalls in a frame"), wish()
    await backend.start()
    ended = asyncio.create_task(failure(backend, work))
    await anext(aiter(backend.run(work)))
    await give_up_on(backend, clock)
    error = await ended
    assert isinstance(error, WorkerLost)
    assert error.detail == "no answer for 3 s"


async def test_news_of_a_job_nobody_knows_is_passed_over(bad: Maker) -> None:
    backend = bad("talks of others")
    await backend.start()
    before = (await backend.health()).boot_id
    assert isinstance((await play(backend, wish()))[-1], Cancelled)
    assert (await backend.health()).boot_id == before


async def test_a_worker_that_floods_its_stderr_neither_stops_nor_fills_our_memory(
    bad: Maker,
) -> None:
    backend = bad("floods")
    await backend.start()
    assert isinstance((await play(backend, wish()))[-1], Cancelled)
    session = backend._session
    assert session is not None
    assert len(session.process._tail) < 10_000


async def test_a_process_left_behind_by_a_dead_worker_does_not_hold_up_the_next(
    bad: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "child"
    monkeypatch.setenv("BAD_WORKER_MARKER", str(marker))
    backend = bad("leaves a child")
    try:
        assert isinstance(await failure(backend, wish()), WorkerLost)
        await backend.start()
    finally:
        os.kill(int(marker.read_text()), signal.SIGKILL)


async def test_the_same_job_can_run_again_on_the_new_worker(
    bad: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAD_WORKER_MARKER", str(tmp_path / "marker"))
    backend, work = bad("recovers"), wish()
    assert isinstance(await failure(backend, work), WorkerLost)
    assert isinstance((await play(backend, work))[-1], Cancelled)


async def test_its_slots_are_those_that_the_worker_told_and_all_for_one_model(bad: Maker) -> None:
    backend = bad("waits")
    assert (await backend.health()).slots == 1
    await backend.start()
    health = await backend.health()
    assert (health.slots, health.one_model, health.resident_model) == (3, True, "testcard")


async def test_every_job_of_a_dead_worker_fails(bad: Maker) -> None:
    backend = bad("waits")
    await backend.start()
    works = [wish(), wish()]
    ended = [asyncio.create_task(failure(backend, work)) for work in works]
    for work in works:
        await anext(aiter(backend.run(work)))
    os.kill(backend_pid(backend), signal.SIGKILL)
    assert [type(error) for error in await asyncio.gather(*ended)] == [WorkerLost, WorkerLost]


async def test_a_worker_that_does_not_answer_is_killed(bad: Maker, clock: ManualClock) -> None:
    backend = bad("deaf")
    await backend.start()
    ended = asyncio.create_task(failure(backend, wish()))
    await give_up_on(backend, clock)
    error = await ended
    assert isinstance(error, WorkerLost)
    assert error.detail == "no answer for 3 s"


async def test_a_worker_that_answers_but_makes_no_step_is_killed(
    bad: Maker, clock: ManualClock
) -> None:
    backend = bad("stuck")
    await backend.start()
    ended = asyncio.create_task(failure(backend, wish()))
    await clock.asleep(PATIENCE.heartbeat)
    await clock.advance(PATIENCE.heartbeat)
    error = await ended
    assert isinstance(error, WorkerLost)
    assert error.detail == "no step for 10000 s"


async def test_a_worker_that_will_not_cancel_is_killed_and_the_job_counts_as_cancelled(
    bad: Maker, clock: ManualClock
) -> None:
    backend, work = bad("stubborn"), wish()
    await backend.start()
    listening = asyncio.create_task(play(backend, work))
    await anext(aiter(backend.run(work)))
    cancelling = asyncio.create_task(backend.cancel(work.job_id))
    await clock.asleep(PATIENCE.cancel)
    await clock.advance(PATIENCE.cancel)
    await cancelling
    assert isinstance((await listening)[-1], Cancelled)


async def test_a_worker_that_will_not_stop_is_killed(bad: Maker, clock: ManualClock) -> None:
    backend = bad("stubborn")
    await backend.start()
    pid = backend_pid(backend)
    closing = asyncio.create_task(backend.aclose())
    await clock.asleep(PATIENCE.stop)
    await clock.advance(PATIENCE.stop)
    await closing
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("way", "cause"),
    [("dies", "no such library"), ("mumbles", "does not speak our protocol")],
)
async def test_a_start_that_fails_is_named_and_not_tried_again_at_once(
    bad: Maker, clock: ManualClock, way: str, cause: str
) -> None:
    backend = bad(way)
    with pytest.raises(Unavailable) as first:
        await backend.capabilities()
    assert cause in str(first.value.detail)
    assert cause in str((await backend.health()).problem)
    error = await failure(backend, wish())
    assert isinstance(error, Unavailable)
    assert error.detail == first.value.detail
    await clock.advance(PATIENCE.retry_start)
    with pytest.raises(Unavailable) as second:
        await backend.capabilities()
    assert second.value is not first.value


async def test_a_worker_that_leaves_while_idle_is_not_restarted_in_a_loop(bad: Maker) -> None:
    backend = bad("leaves")
    await backend.start()
    session = backend._session
    assert session is not None
    pid = session.process.pid
    await asyncio.wait(session.tasks[:1])
    assert "died while idle" in str((await backend.health()).problem)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Unavailable):
        await backend.capabilities()


async def test_a_command_that_does_not_exist_is_unavailable() -> None:
    backend = LocalBackend("gone", [NO_MODEL], command=("/nonexistent/python",))
    with pytest.raises(Unavailable, match="cannot be started"):
        await backend.start()
    await backend.aclose()


async def test_closing_while_the_worker_starts_leaves_nothing_running(bad: Maker) -> None:
    backend = bad("sleeps")
    listening = asyncio.create_task(play(backend, wish()))
    await asyncio.sleep(0)
    await backend.aclose()
    assert isinstance((await listening)[-1], Failed)


async def test_a_job_cancelled_before_the_worker_is_ready_never_reaches_it(bad: Maker) -> None:
    backend, work = bad("sleeps"), wish()
    listening = asyncio.create_task(play(backend, work))
    await asyncio.sleep(0)
    await backend.cancel(work.job_id)
    assert [type(event) for event in await listening] == [Cancelled]


async def give_up_on(backend: LocalBackend, clock: ManualClock) -> None:
    """Let heartbeats pass without an answer until the worker is killed."""
    session = backend._session
    assert session is not None
    while session.kill_reason is None:
        await clock.asleep(PATIENCE.heartbeat)
        await clock.advance(PATIENCE.heartbeat)


def backend_pid(backend: LocalBackend) -> int:
    session = backend._session
    assert session is not None
    return session.process.pid
