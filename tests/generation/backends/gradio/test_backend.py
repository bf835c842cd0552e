"""Apps of every generation as backends: each protocol's own ways, and what becomes of mishaps."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web
from PIL import Image

from generation.backends.base import Cancelled, Done, Event, Failed, ModelInfo, Progressed, Work
from generation.backends.gradio import calls
from generation.backends.gradio.backend import GradioBackend
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience
from generation.errors import BackendError, BadReply, Busy, Rejected, Unavailable
from generation.types import Params, Progress, Task, new_job_id
from tests.servers.gradio import (
    PASSWORD,
    USER,
    Gradio3Twin,
    Gradio40Twin,
    Gradio416Twin,
    Gradio419Twin,
    GradioTwin,
    PlainTwin,
)
from tests.servers.loopback import served
from tests.servers.twin import Fault

ALL = (Gradio3Twin, Gradio40Twin, Gradio416Twin, Gradio419Twin, GradioTwin, PlainTwin)
QUICK = Patience(draw=20.0, cancel=5.0, seen=0.0, retry=0.0, look=0.01, leave=1.0)


@pytest.fixture(params=ALL)
async def twin(request: pytest.FixtureRequest) -> AsyncIterator[GradioTwin]:
    made: GradioTwin = request.param()
    async with made.running():
        yield made


@pytest.fixture
async def newest() -> AsyncIterator[GradioTwin]:
    made = GradioTwin()
    async with made.running():
        yield made


@pytest.fixture
async def backend(twin: GradioTwin) -> AsyncIterator[GradioBackend]:
    made = GradioBackend("app", Server.at(twin.url), patience=QUICK)
    yield made
    await made.aclose()


def to(
    url: str, *, login: tuple[str, str] | None = None, endpoint: str | None = None
) -> GradioBackend:
    name, password = login or (None, None)
    server = Server.at(url, username=name, password=password)
    return GradioBackend("app", server, endpoint=endpoint, patience=QUICK)


async def model_of(backend: GradioBackend) -> ModelInfo:
    return (await backend.capabilities()).models[0]


async def wish(backend: GradioBackend, **changes: object) -> Work:
    model = await model_of(backend)
    params = Params(
        task=Task.TXT2IMG,
        model=model.name,
        prompt="a red circle",
        negative_prompt="blue",
        width=128,
        height=64,
        steps=4,
        guidance_scale=7.0,
        sampler=model.sampler,
        scheduler=model.scheduler,
        seed=11,
        count=1,
    )
    return Work(job_id=new_job_id(), params=replace(params, **changes))  # type: ignore[arg-type]


async def play(backend: GradioBackend, work: Work) -> list[Event]:
    return [event async for event in backend.run(work)]


async def error_of(backend: GradioBackend, work: Work) -> BackendError:
    last = (await play(backend, work))[-1]
    assert isinstance(last, Failed), last
    return last.error


def progress(events: list[Event]) -> list[Progress]:
    return [event.progress for event in events if isinstance(event, Progressed)]


async def test_every_way_of_speaking_ends_with_a_picture(
    twin: GradioTwin, backend: GradioBackend
) -> None:
    last = (await play(backend, await wish(backend, count=2)))[-1]
    assert isinstance(last, Done), last
    assert [output.seed for output in last.result.outputs] == [11, 12]
    assert [body["data"][:7] for body in twin.submitted] == [
        ["a red circle", "blue", 7, 4, 128, 64, seed] for seed in (11, 12)
    ]
    health = await backend.health()
    assert health.device == f"Gradio {twin.version} ({twin.protocol})"


async def test_every_field_is_sent_that_a_broken_app_wants(
    twin: GradioTwin, backend: GradioBackend
) -> None:
    await play(backend, await wish(backend))
    (body,) = twin.submitted
    assert body.keys() == {"data", "event_data", "event_id", "fn_index", "session_hash"}


async def test_each_call_has_a_session_of_its_own(twin: GradioTwin, backend: GradioBackend) -> None:
    await play(backend, await wish(backend, count=3))
    assert len({body["session_hash"] for body in twin.submitted}) == 3


async def test_a_picture_to_start_from_is_given_as_the_version_takes_it(
    twin: GradioTwin, backend: GradioBackend
) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (128, 64), "red").save(picture, "PNG")
    plain = await wish(backend, task=Task.IMG2IMG, strength=0.7)
    last = (await play(backend, replace(plain, image=picture.getvalue())))[-1]
    assert isinstance(last, Done), last
    (body,) = twin.submitted
    assert body["fn_index"] == 1
    assert body["data"][9] == 0.7
    assert twin._sent(body["data"][8]) == picture.getvalue()


@pytest.mark.parametrize("kind", [Gradio40Twin, Gradio416Twin, Gradio419Twin, GradioTwin])
async def test_pictures_on_their_way_are_previews(kind: type[GradioTwin]) -> None:
    twin = kind()
    async with twin.running() as url:
        backend = to(url)
        told = progress(await play(backend, await wish(backend, steps=30)))
        await backend.aclose()
    assert any(each.preview is not None for each in told)
    assert max(each.step for each in told) > 0


async def test_a_place_in_the_apps_own_line_is_told(newest: GradioTwin) -> None:
    backend = to(newest.url)
    work = await wish(backend)
    newest.engine.hold()
    others = [asyncio.create_task(newest.engine.draw(name, 1)) for name in ("one", "two", "three")]
    await newest.engine.until(lambda: len(newest.engine.waiting) == 2)
    stream = aiter(backend.run(work))
    first = await anext(stream)
    assert isinstance(first, Progressed)
    assert first.progress.ahead == 2
    newest.engine.release()
    await asyncio.gather(*others, play(backend, work))
    await backend.aclose()


@pytest.mark.parametrize(
    ("kind", "path"), [(Gradio416Twin, "reset"), (Gradio419Twin, "reset"), (GradioTwin, "cancel")]
)
async def test_a_function_that_yields_is_told_to_stop(kind: type[GradioTwin], path: str) -> None:
    twin = kind()
    assert twin.stopping_path == path
    async with twin.running() as url:
        backend = to(url)
        work = await wish(backend, steps=75)
        listening = asyncio.create_task(play(backend, work))
        await twin.engine.until(lambda: twin.engine.now is not None and twin.engine.now.step > 2)
        await backend.cancel(work.job_id)
        assert isinstance((await listening)[-1], Cancelled)
        assert twin.cancelled == ["event-1"]
        assert twin.engine.was_interrupted
        await backend.aclose()


async def test_a_plain_function_is_given_up_at_once_and_the_app_is_busy_until_it_ends() -> None:
    twin = PlainTwin()
    async with twin.running() as url:
        backend = to(url)
        work = await wish(backend, steps=75)
        async for event in backend.run(work):
            if isinstance(event, Progressed) and event.progress.step:
                twin.engine.hold()
                break
        await backend.cancel(work.job_id)
        assert isinstance((await play(backend, work))[-1], Cancelled)
        assert (await backend.health()).slots == 0
        assert twin.cancelled == []
        twin.engine.release()
        assert isinstance((await play(backend, await wish(backend)))[-1], Done)
        assert (await backend.health()).slots == 1
        await backend.aclose()


async def test_a_job_that_only_waits_there_is_dropped_by_leaving_its_stream(
    newest: GradioTwin,
) -> None:
    backend = to(newest.url)
    work = await wish(backend)
    newest.engine.hold()
    theirs = asyncio.create_task(newest.engine.draw("theirs", 1))
    await newest.engine.until(lambda: newest.engine.now is not None)
    listening = asyncio.create_task(play(backend, work))
    await newest.engine.until(lambda: "event-1" in newest.engine.waiting)
    await backend.cancel(work.job_id)
    assert isinstance((await listening)[-1], Cancelled)
    await newest.engine.until(lambda: not newest.engine.waiting)
    newest.engine.release()
    assert await theirs
    assert newest.cancelled == []
    await backend.aclose()
    assert "event-1" not in newest.engine.began


@pytest.mark.parametrize("kind", ALL)
async def test_a_full_queue_is_no_fault_of_ours(kind: type[GradioTwin]) -> None:
    twin = kind(full=True)
    async with twin.running() as url:
        backend = to(url)
        error = await error_of(backend, await wish(backend))
        assert (await backend.health()).slots == 0
        await backend.aclose()
    assert isinstance(error, Busy)
    assert "queue of 127.0.0.1 is full" in (error.detail or "")


@pytest.mark.parametrize("kind", [Gradio3Twin, Gradio40Twin, GradioTwin])
async def test_a_login_is_made_by_the_apps_own_form(kind: type[GradioTwin]) -> None:
    twin = kind(password=PASSWORD)
    async with twin.running() as url:
        backend = to(url, login=(USER, PASSWORD))
        assert isinstance((await play(backend, await wish(backend)))[-1], Done)
        await backend.aclose()


@pytest.mark.parametrize(
    ("login", "words"),
    [(None, "wants a login"), ((USER, "wrong"), "does not accept our user name and password")],
)
async def test_a_missing_and_a_wrong_login_are_told_apart(
    login: tuple[str, str] | None, words: str
) -> None:
    twin = GradioTwin(password=PASSWORD)
    async with twin.running() as url:
        backend = to(url, login=login)
        with pytest.raises(Unavailable, match=words):
            await backend.capabilities()
        await backend.aclose()


async def test_a_function_of_gradio_3_without_a_queue_is_run_at_once() -> None:
    class Unqueued(Gradio3Twin):
        def config(self) -> dict[str, object]:
            return super().config() | {"enable_queue": False}

    twin = Unqueued()
    async with twin.running() as url:
        backend = to(url)
        assert isinstance((await play(backend, await wish(backend)))[-1], Done)
        twin.fault = Fault.REFUSES
        error = await error_of(backend, await wish(backend))
        await backend.aclose()
    assert isinstance(error, Rejected)
    assert error.sentence == "The image generator says: These settings do not go together."


@pytest.mark.parametrize("kind", [Gradio419Twin, GradioTwin])
async def test_an_app_that_hides_its_configuration_is_called_as_the_guide_says(
    kind: type[GradioTwin],
) -> None:
    twin = kind()
    twin.hides_config = True
    async with twin.running() as url:
        backend = to(url, endpoint="/txt2img")
        events = await play(backend, await wish(backend))
        assert isinstance(events[-1], Done), events[-1]
        twin.fault = Fault.REFUSES
        error = await error_of(backend, await wish(backend))
        await backend.aclose()
    assert "hides the reason" in (error.detail or "")


async def test_without_a_function_s_name_a_hidden_app_is_none() -> None:
    twin = GradioTwin()
    twin.hides_config = True
    async with twin.running() as url:
        backend = to(url)
        with pytest.raises(Unavailable, match="There is no Gradio app at"):
            await backend.capabilities()
        await backend.aclose()


async def test_the_apps_own_words_reach_whoever_asked(
    twin: GradioTwin, backend: GradioBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    completed = twin._completed

    def says(job: object, *, is_whole: bool) -> dict[str, object]:
        told = completed(job, is_whole=is_whole)  # type: ignore[arg-type]
        told["output"]["data"] = [None, "<b>Sorry</b>, no circles today."]
        return told

    monkeypatch.setattr(twin, "_completed", says)
    error = await error_of(backend, await wish(backend))
    assert isinstance(error, Rejected)
    assert error.sentence == "The image generator says: Sorry, no circles today."


async def test_an_app_below_a_path_is_reached_there() -> None:
    twin = GradioTwin()
    outer = web.Application()
    outer.add_subapp("/tools/draw", twin.app())
    async with served(outer) as url:
        backend = to(f"{url}/tools/draw/")
        assert isinstance((await play(backend, await wish(backend)))[-1], Done)
        await backend.aclose()


async def test_gradio_3_that_falls_silent_is_told_with_its_cause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken(Gradio3Twin):
        version = "3.36.0\n"

    twin = Broken()
    monkeypatch.setattr(calls, "_START", 0.05)
    async with twin.running() as url:
        backend = to(url)
        work = await wish(backend)
        twin.fault = Fault.SILENT
        error = await error_of(backend, work)
        await backend.aclose()
    assert isinstance(error, BadReply)
    assert "runs Gradio 3.36.0, which Pydantic 2 breaks" in (error.detail or "")
    assert 'Gradio 3.36.1 or later, or "pydantic<2"' in (error.detail or "")


async def test_a_redirected_result_is_not_followed() -> None:
    class Redirecting(GradioTwin):
        async def _file(self, _request: web.Request) -> web.Response:
            raise web.HTTPFound("http://169.254.169.254/latest")

    twin = Redirecting()
    async with twin.running() as url:
        backend = to(url)
        error = await error_of(backend, await wish(backend))
        await backend.aclose()
    assert isinstance(error, BadReply)
