"""What every backend behind an address must do when its server does not do what it should."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from generation.backends.base import (
    Backend,
    Cancelled,
    Done,
    Event,
    Failed,
    ModelInfo,
    Progressed,
    Work,
)
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience
from generation.backends.remote.wire import Deadlines
from generation.errors import (
    BackendError,
    BadReply,
    OutOfMemory,
    Rejected,
    TimedOut,
    Unavailable,
)
from generation.types import new_job_id
from tests.conformance.remotes import TWINS
from tests.conformance.test_backends import play, wish
from tests.manual_clock import ManualClock
from tests.servers.loopback import deaf_port
from tests.servers.twin import Fault, Twin

TOKEN = "t0ken-that-nobody-may-see"
PROMPT = "the secret garden of a member"

QUICK = Patience(draw=60.0, cancel=30.0, seen=0.0, retry=0.0, longest_retry=0.0, look=0.01, leave=1)
# Long enough for a job to have reached its server also where the machine is busy.
IMPATIENT = replace(QUICK, draw=1.0, cancel=0.2)
PLENTY = Deadlines(connect=60.0, silence=60.0, total=60.0)

SILENT = frozenset({Fault.SILENT, Fault.SILENT_LATER})

EXPECTED: dict[Fault, tuple[type[BackendError], ...]] = {
    Fault.SILENT: (TimedOut,),
    Fault.SILENT_LATER: (TimedOut,),
    Fault.PAGE: (BadReply,),
    Fault.GARBAGE: (BadReply,),
    Fault.NOT_A_NUMBER: (BadReply,),
    Fault.TRUNCATED: (BadReply,),
    Fault.NO_PICTURE: (BadReply,),
    Fault.WRONG_SIZE: (BadReply,),
    Fault.TOO_FEW: (BadReply,),
    Fault.REDIRECT: (BadReply,),
    Fault.ENDLESS: (BadReply,),
    Fault.DIES: (Unavailable,),
    Fault.NO_MEMORY: (OutOfMemory,),
    Fault.REFUSES: (Rejected,),
}


@pytest.fixture(params=TWINS)
async def twin(request: pytest.FixtureRequest) -> AsyncIterator[Twin]:
    made = TWINS[request.param]()
    async with made.running():
        yield made


@pytest.fixture
async def backend(twin: Twin) -> AsyncIterator[Backend]:
    made = made_for(twin, QUICK)
    yield made
    await made.aclose()


@pytest.fixture
async def impatient(twin: Twin) -> AsyncIterator[Backend]:
    made = made_for(twin, IMPATIENT)
    yield made
    await made.aclose()


def made_for(twin: Twin, patience: Patience, **settings: object) -> Backend:
    server = Server.at(twin.url, headers=(("X-Secret", TOKEN),))
    return twin.backend("remote", server, patience=patience, deadlines=PLENTY, **settings)


async def model_of(backend: Backend) -> ModelInfo:
    return (await backend.capabilities()).models[0]


async def a_wish(backend: Backend, **changes: object) -> Work:
    return wish(await model_of(backend), prompt=PROMPT, **changes)


async def error_of(backend: Backend, work: Work) -> BackendError:
    last = (await play(backend, work))[-1]
    assert isinstance(last, Failed), last
    return last.error


async def begun(backend: Backend, work: Work) -> asyncio.Task[list[Event]]:
    """The job's events as a task, once the backend has the job."""
    task = asyncio.create_task(play(backend, work))
    await asyncio.sleep(0)  # lets the listener submit
    assert work.job_id in (await backend.health()).running
    return task


@pytest.mark.parametrize("fault", Fault)
async def test_every_misbehaviour_ends_the_job_with_an_error_that_fits(
    twin: Twin, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    if fault in twin.cannot:
        pytest.skip("has no meaning in this protocol")
    caplog.set_level(logging.DEBUG)
    backend = made_for(twin, IMPATIENT if fault in SILENT else QUICK)
    backend.wire.most_bytes = 1_000_000  # type: ignore[attr-defined]
    work = await a_wish(backend, count=2)
    twin.fault = fault
    error = await error_of(backend, work)
    await backend.aclose()
    assert isinstance(error, EXPECTED[fault]), repr(error)
    for shown in (error.sentence, error.detail or "", repr(error), caplog.text):
        assert TOKEN not in shown
        assert PROMPT not in shown
    assert twin.url not in error.sentence


@pytest.mark.parametrize("fault", [Fault.PAGE, Fault.DIES, Fault.REFUSES, Fault.NO_PICTURE])
async def test_after_a_misbehaviour_the_next_job_is_drawn(
    twin: Twin, backend: Backend, fault: Fault
) -> None:
    work = await a_wish(backend)
    twin.fault = fault
    await error_of(backend, work)
    twin.fault = None
    assert isinstance((await play(backend, work))[-1], Done)


async def test_a_server_that_goes_on_after_we_gave_up_is_busy_until_proven_idle(
    twin: Twin, impatient: Backend
) -> None:
    work = await a_wish(impatient)
    twin.engine.hold()
    assert isinstance(await error_of(impatient, work), TimedOut)
    held = await impatient.health()
    assert held.slots == 0
    assert held.running == ()
    waiting = await begun(impatient, replace(work, job_id=new_job_id()))
    await asyncio.gather(*(impatient.health() for _ in range(3)))
    assert len(twin.engine.began) == 1
    twin.engine.release()
    await twin.engine.until(lambda: len(twin.engine.began) == 2)
    await impatient.cancel(work.job_id)
    await waiting


async def test_cancelling_stops_the_engine_too_where_the_protocol_can(
    twin: Twin, backend: Backend
) -> None:
    if not twin.can_be_halted:
        pytest.skip("has no way to stop a job")
    work = await a_wish(backend, steps=100)
    listening = await begun(backend, work)
    await twin.engine.until(lambda: twin.engine.now is not None and twin.engine.now.step > 2)
    await backend.cancel(work.job_id)
    assert isinstance((await listening)[-1], Cancelled)
    await twin.engine.until(lambda: twin.engine.now is None)
    assert twin.engine.was_interrupted


async def test_a_job_that_cannot_be_stopped_ends_for_its_owner_all_the_same(twin: Twin) -> None:
    backend = made_for(twin, replace(QUICK, cancel=0.2))
    work = await a_wish(backend)
    twin.fault = Fault.SILENT
    twin.engine.hold()
    listening = await begun(backend, work)
    await twin.engine.until(lambda: twin.engine.now is not None)
    await backend.cancel(work.job_id)
    assert isinstance((await listening)[-1], Cancelled)
    twin.engine.release()
    await backend.aclose()


async def test_a_stranger_s_job_at_the_same_server_is_never_stopped(
    twin: Twin, backend: Backend
) -> None:
    work = await a_wish(backend)
    twin.engine.hold()
    theirs = asyncio.create_task(twin.engine.draw("theirs", 5))
    await twin.engine.until(lambda: twin.engine.now is not None)
    listening = await begun(backend, work)
    await twin.engine.until(lambda: bool(twin.engine.waiting))
    cancelling = asyncio.create_task(backend.cancel(work.job_id))
    await asyncio.gather(*(backend.health() for _ in range(3)))
    twin.engine.release()
    assert await theirs
    await cancelling
    assert isinstance((await listening)[-1], Cancelled | Done)


async def test_progress_is_told_as_the_engine_goes_on(backend: Backend) -> None:
    events = await play(backend, await a_wish(backend, steps=60))
    told = [event.progress for event in events if isinstance(event, Progressed)]
    assert told
    assert all(0 <= progress.step <= progress.steps for progress in told)


async def test_a_dead_server_is_down_in_words_and_comes_back_by_itself(twin: Twin) -> None:
    port = deaf_port()
    clock = ManualClock()
    patience = Patience(seen=15.0, retry=5.0, longest_retry=60.0)
    server = Server.at(f"http://127.0.0.1:{port}")
    backend = twin.backend("remote", server, patience=patience, deadlines=PLENTY, clock=clock)
    with pytest.raises(Unavailable, match="Nothing listens"):
        await backend.capabilities()
    down = await backend.health()
    assert not down.ok
    assert down.problem is not None
    assert "Start the server" in down.problem
    async with twin.running(port=port):
        assert not (await backend.health()).ok  # it was asked a moment ago
        await clock.advance(5.0)
        assert (await backend.health()).ok
        assert (await backend.capabilities()).models
    await clock.advance(15.0)
    assert not (await backend.health()).ok
    await backend.aclose()


async def test_a_server_that_is_there_stays_so_however_often_it_is_asked(twin: Twin) -> None:
    clock = ManualClock()
    backend = made_for(twin, Patience(seen=15.0), clock=clock)
    await backend.capabilities()
    for _ in range(3):
        await clock.advance(15.0)
        health = await backend.health()
        assert health.ok, health.problem
    await backend.aclose()


async def test_what_it_offers_is_asked_anew_after_a_while_only(twin: Twin) -> None:
    clock = ManualClock()
    backend = made_for(twin, Patience(offer=300.0), clock=clock)
    await backend.capabilities()
    asked = len(twin.seen)
    await backend.capabilities()
    assert len(twin.seen) == asked
    await clock.advance(300.0)
    await backend.capabilities()
    assert len(twin.seen) > asked
    await backend.aclose()


async def test_our_login_goes_with_every_request(twin: Twin, backend: Backend) -> None:
    assert isinstance((await play(backend, await a_wish(backend)))[-1], Done)
    assert twin.seen
    assert all(headers.get("X-Secret") == TOKEN for headers in twin.seen)
