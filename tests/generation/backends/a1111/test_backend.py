"""What is particular to web UIs: whose progress is shown, whose job is stopped, who is let in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from generation.backends.a1111 import A1111Backend
from generation.backends.base import Done, Event, Failed, Progressed
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience
from generation.errors import BadReply, Rejected, Unavailable
from generation.types import Progress
from tests.generation.backends.a1111.lists import work
from tests.servers.a1111 import PASSWORD, USER, A1111Twin
from tests.servers.a1111_relatives import KoboldTwin, NoWebUiTwin, SdCppTwin, SdNextTwin
from tests.servers.twin import Fault

QUICK = Patience(seen=0.0, retry=0.0, longest_retry=0.0, look=0.01, cancel=30.0, leave=1.0)
SMALL = {"width": 64, "height": 64}


@asynccontextmanager
async def behind(twin: A1111Twin, **settings: object) -> AsyncIterator[A1111Backend]:
    async with twin.running() as url:
        backend = A1111Backend(
            "web-ui",
            Server.at(url),
            progress_seconds=0.01,
            patience=QUICK,
            **settings,  # type: ignore[arg-type]
        )
        try:
            yield backend
        finally:
            await backend.aclose()


async def play(backend: A1111Backend, **changes: object) -> list[Event]:
    return [event async for event in backend.run(work(**SMALL | changes))]  # type: ignore[arg-type]


async def seen_midway(
    server: A1111Twin,
    backend: A1111Backend,
    enough: Callable[[Progress], bool],
    scheduler: str = "Karras",
) -> list[Event]:
    """A job's events; the engine stands still midway until one is ``enough``."""
    events: list[Event] = []
    await backend.capabilities()
    playing = aiter(backend.run(work(steps=40, scheduler=scheduler, **SMALL)))  # type: ignore[arg-type]
    events.append(await anext(playing))
    await server.engine.until(lambda: server.engine.now is not None and server.engine.now.step > 4)
    server.engine.hold()
    async for event in playing:
        events.append(event)
        if isinstance(event, Progressed) and enough(event.progress):
            server.engine.release()
    return events


def told(events: list[Event]) -> list[Progress]:
    return [event.progress for event in events if isinstance(event, Progressed)]


async def test_previews_of_our_own_task_are_shown() -> None:
    server = A1111Twin()
    async with behind(server) as backend:
        events = await seen_midway(server, backend, lambda progress: progress.preview is not None)
    previews = [progress.preview for progress in told(events) if progress.preview]
    assert previews
    assert all(preview.startswith(b"\xff\xd8") for preview in previews)


@pytest.mark.parametrize("twin", [NoWebUiTwin, SdNextTwin])
async def test_a_server_that_cannot_tell_whose_preview_it_shows_has_none_to_show(
    twin: type[A1111Twin],
) -> None:
    server = twin()
    scheduler = "Automatic" if twin is SdNextTwin else "Karras"
    async with behind(server) as backend:
        events = await seen_midway(server, backend, lambda seen: seen.step > 0, scheduler)
    assert isinstance(events[-1], Done)
    assert not [progress for progress in told(events) if progress.preview]


async def test_where_nobody_else_uses_it_its_previews_are_ours() -> None:
    server = SdNextTwin()
    async with behind(server, is_ours=True) as backend:
        events = await seen_midway(server, backend, lambda seen: bool(seen.preview), "Automatic")
    assert [progress for progress in told(events) if progress.preview]


async def test_while_a_stranger_s_job_runs_none_of_its_progress_is_ours() -> None:
    server = NoWebUiTwin()
    async with behind(server) as backend:
        await backend.capabilities()
        theirs = asyncio.create_task(server.engine.draw("theirs", 40))
        await server.engine.until(lambda: server.engine.now is not None)
        events = await play(backend, steps=30)
        assert await theirs
    assert {progress.step for progress in told(events)} == {0}
    assert isinstance(events[-1], Done)


async def test_a_job_that_somebody_else_interrupted_is_no_result() -> None:
    server = A1111Twin()
    async with behind(server) as backend:
        playing = asyncio.create_task(play(backend, steps=100))
        await server.engine.until(lambda: server.engine.now is not None)
        server.engine.interrupt()
        last = (await playing)[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, BadReply)
    assert last.error.retryable
    assert "interrupted" in (last.error.detail or "")


async def test_another_sampler_than_asked_for_is_no_result() -> None:
    server = A1111Twin()
    async with behind(server) as backend:
        await backend.capabilities()
        server.samplers.remove("Euler a")  # an extension went away
        last = (await play(backend))[-1]
    assert isinstance(last, Failed)
    assert "sampler 'DPM++ 2M' instead of 'Euler a'" in (last.error.detail or "")


async def test_a_login_is_sent_before_it_is_asked_for() -> None:
    async with A1111Twin(password=PASSWORD).running() as url:
        backend = A1111Backend("web-ui", Server.at(url, username=USER, password=PASSWORD))
        assert (await backend.capabilities()).models
        await backend.aclose()


@pytest.mark.parametrize(
    ("password", "words"), [(None, "wants a login"), ("wrong-one", "does not accept our login")]
)
async def test_without_the_right_login_the_operator_reads_what_to_mend(
    password: str | None, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with A1111Twin(password=PASSWORD).running() as url:
        user = None if password is None else USER
        backend = A1111Backend(
            "web-ui", Server.at(url, username=user, password=password), patience=QUICK
        )
        with pytest.raises(Unavailable, match=words) as caught:
            await backend.capabilities()
        await backend.aclose()
    assert "wrong-one" not in f"{caught.value!r}{caplog.text}"


async def test_folders_are_read_anew_when_nothing_runs_there() -> None:
    server = A1111Twin()
    async with behind(server) as backend:
        await backend.capabilities()
    assert len(server.refreshed) == 4
    server = A1111Twin()
    theirs = asyncio.create_task(server.engine.draw("theirs", 1000))
    await server.engine.until(lambda: server.engine.now is not None)
    async with behind(server) as backend:
        await backend.capabilities()
    server.engine.interrupt()
    await theirs
    assert server.refreshed == []


async def test_an_operator_s_fields_may_not_replace_what_is_ours() -> None:
    with pytest.raises(ValueError, match="prompt, seed is for Easel to set"):
        A1111Backend("web-ui", Server.at("box"), payload={"seed": 1, "prompt": "x"})


async def test_an_operator_s_fields_go_with_every_request() -> None:
    server = A1111Twin()
    async with behind(server, payload={"restore_faces": True}) as backend:
        assert isinstance((await play(backend))[-1], Done)
    assert server.asked[0]["restore_faces"] is True


async def test_the_loaded_model_is_known_after_a_job() -> None:
    async with behind(A1111Twin()) as backend:
        await backend.capabilities()
        assert (await backend.health()).resident_model == "tinyrand-a"
        await play(backend, model="tinyrand-b")
        assert (await backend.health()).resident_model == "tinyrand-b"


async def test_what_a_server_is_and_lacks_is_told_to_its_operator() -> None:
    async with behind(A1111Twin()) as backend:
        await backend.capabilities()
        notes = (await backend.health()).notes
    assert notes[0].startswith("AUTOMATIC1111: samplers 5, schedules 3, LoRAs 1, embeddings 1")
    assert len(notes) == 1
    async with behind(KoboldTwin()) as backend:
        await backend.capabilities()
        notes = (await backend.health()).notes
    assert notes[0].startswith("KoboldCpp 1.76: ")
    assert notes[1] == "KoboldCpp cannot stop a job that it has begun"


async def test_a_model_that_is_not_loaded_is_no_picture() -> None:
    server = SdCppTwin()
    server.fault = Fault.TOO_FEW
    async with behind(server) as backend:
        last = (await play(backend, model="fullrand-sd15"))[-1]
    assert isinstance(last, Failed)
    assert "without any picture" in (last.error.detail or "")


async def test_a_refusal_names_the_field_and_repeats_nothing_of_the_request() -> None:
    server = A1111Twin()
    server.fault = Fault.REFUSES
    async with behind(server) as backend:
        last = (await play(backend, prompt="the secret garden"))[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, Rejected)
    assert "body.steps value is not a valid integer" in (last.error.detail or "")
    assert "secret garden" not in repr(last.error)


async def test_a_failed_description_is_no_text() -> None:
    server = A1111Twin()
    async with behind(server) as backend:
        (tool,) = [tool for tool in (await backend.capabilities()).tools if tool.name == "clip"]
        job = work(image=b"png", task=tool.task, model=tool.name)
        ended = [event async for event in backend.run(job)]
        assert isinstance(ended[-1], Done)
        assert ended[-1].result.outputs[0].data == b"a cat on a mat"
        server.fault = Fault.GARBAGE
        ended = [event async for event in backend.run(replace(job))]
    assert isinstance(ended[-1], Failed)
