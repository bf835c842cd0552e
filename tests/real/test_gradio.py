"""The backend before real Gradio apps of every generation: `make test-gradio`.

It needs the package registry for its first run, and then about a minute for each version.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image, ImageDraw

from generation.backends.base import Cancelled, Done, Event, Failed, Progressed, Work
from generation.backends.gradio.backend import GradioBackend
from generation.backends.remote.server import Server
from generation.errors import BackendError, Rejected, Unavailable
from generation.types import Output, Params, Setting, Task, new_job_id
from tests.real.gradio_versions import PINS, install, started

pytestmark = [pytest.mark.gradio, pytest.mark.asyncio(loop_scope="module")]

Start = Callable[..., Awaitable[str]]
LOGIN = ("ada", "hunter2")
CANNOT_BE_MOUNTED = frozenset({"3.36.0", "3.36.0-pydantic-2"})


@pytest.fixture(scope="module", params=PINS)
def version(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def start(version: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Start]:
    """Starts apps of this version; the same one once."""
    python = await install(version)
    scratch: Path = tmp_path_factory.mktemp("gradio")
    running: dict[tuple[str, ...], str] = {}
    async with AsyncExitStack() as stack:

        async def begin(shape: str, *options: str) -> str:
            key = (shape, *options)
            if key not in running:
                app = started(python, scratch, shape, *options)
                running[key] = await stack.enter_async_context(app)
            return running[key]

        yield begin


@pytest_asyncio.fixture(loop_scope="module")
async def backend_at() -> AsyncIterator[Callable[..., GradioBackend]]:
    made: list[GradioBackend] = []

    def at(url: str, **login: str) -> GradioBackend:
        made.append(GradioBackend("app", Server.at(url, **login)))  # type: ignore[arg-type]
        return made[-1]

    yield at
    for backend in made:
        await backend.aclose()


BackendAt = Callable[..., GradioBackend]


async def wish(backend: GradioBackend, **changes: object) -> Work:
    model = (await backend.capabilities()).models[0]
    params = Params(
        task=Task.TXT2IMG,
        model=model.name,
        prompt="a red circle",
        negative_prompt="",
        width=max(256, model.min_side),
        height=max(256, model.min_side),
        steps=min(max(8, model.min_steps), model.max_steps),
        guidance_scale=model.guidance_scale,
        sampler=model.sampler,
        scheduler=model.scheduler,
        seed=11,
        count=1,
    )
    return Work(job_id=new_job_id(), params=replace(params, **changes))  # type: ignore[arg-type]


async def play(backend: GradioBackend, work: Work) -> list[Event]:
    return [event async for event in backend.run(work)]


async def drawn(backend: GradioBackend, work: Work) -> tuple[Output, ...]:
    last = (await play(backend, work))[-1]
    assert isinstance(last, Done), last
    return last.result.outputs


async def error_of(backend: GradioBackend, work: Work) -> BackendError:
    last = (await play(backend, work))[-1]
    assert isinstance(last, Failed), last
    return last.error


def pixels(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as opened:
        return opened.convert("RGB")


def as_png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


async def test_the_usual_space_works_by_its_address_alone(
    version: str, start: Start, backend_at: BackendAt
) -> None:
    backend = backend_at(await start("space"))
    (model,) = (await backend.capabilities()).models
    assert model.tasks == {Task.TXT2IMG, Task.IMG2IMG}
    assert (model.min_steps, model.max_steps, model.max_guidance) == (2, 75, 15)
    assert (model.min_side, model.max_side, model.multiple_of) == (64, 1024, 8)
    work = await wish(backend, width=320, negative_prompt="blue", count=2)
    first, second = await drawn(backend, work)
    assert pixels(first.data).size == (320, 256)
    assert (first.seed, second.seed) == (11, 12)
    assert pixels(first.data).tobytes() != pixels(second.data).tobytes()
    again = await drawn(backend, await wish(backend, width=320, negative_prompt="blue"))
    assert pixels(again[0].data).tobytes() == pixels(first.data).tobytes()
    assert (await backend.health()).device == (
        f"Gradio {version.partition('-')[0]} ({backend._app.protocol})"  # type: ignore[union-attr]
    )


async def test_an_option_of_its_own_changes_the_picture(
    start: Start, backend_at: BackendAt
) -> None:
    backend = backend_at(await start("space"))
    (model,) = (await backend.capabilities()).models
    (option,) = model.options
    plain = await drawn(backend, await wish(backend))
    off = await wish(backend, options=(Setting(name=option.name, value=False),))
    assert pixels((await drawn(backend, off))[0].data).tobytes() != pixels(plain[0].data).tobytes()


async def test_a_picture_is_started_from(start: Start, backend_at: BackendAt) -> None:
    backend = backend_at(await start("space"))
    white = Image.new("RGB", (256, 256), "white")
    work = await wish(backend, task=Task.IMG2IMG, strength=0.1)
    (output,) = await drawn(backend, replace(work, image=as_png(white)))
    assert min(pixels(output.data).convert("L").tobytes()) > 200


async def test_the_apps_own_words_reach_whoever_asked(start: Start, backend_at: BackendAt) -> None:
    backend = backend_at(await start("space"))
    error = await error_of(backend, await wish(backend, prompt="fail"))
    assert isinstance(error, Rejected)
    assert error.sentence == (
        "The image generator says: This prompt cannot be drawn. Think of another than fail."
    )


async def test_progress_and_previews_come_from_an_app_that_sends_them(
    start: Start, backend_at: BackendAt
) -> None:
    backend = backend_at(await start("template"))
    events = await play(backend, await wish(backend, steps=30))
    told = [event.progress for event in events if isinstance(event, Progressed)]
    assert isinstance(events[-1], Done), events[-1]
    assert events[-1].result.outputs[0].seed == 11
    assert any(each.preview for each in told)
    assert max(each.step for each in told) > 0


async def test_an_error_raised_for_people_is_shown_and_any_other_is_not(
    start: Start, backend_at: BackendAt
) -> None:
    backend = backend_at(await start("template"))
    shown = await error_of(backend, await wish(backend, prompt="raise"))
    assert "exceeded your GPU quota. Create an account" in shown.sentence
    hidden = await error_of(backend, await wish(backend, prompt="crash"))
    assert "/home" not in f"{hidden.sentence} {hidden.detail}"


async def test_a_job_is_cancelled_and_the_next_one_drawn(
    start: Start, backend_at: BackendAt
) -> None:
    backend = backend_at(await start("template"))
    work = await wish(backend, steps=50)
    async for event in backend.run(work):
        if isinstance(event, Progressed) and event.progress.step:
            break
    await backend.cancel(work.job_id)
    assert isinstance((await play(backend, work))[-1], Cancelled)
    assert await drawn(backend, await wish(backend, steps=2))


async def test_a_gallery_with_models_and_samplers(start: Start, backend_at: BackendAt) -> None:
    backend = backend_at(await start("gallery"))
    models = (await backend.capabilities()).models
    assert [model.name for model in models] == ["toy-xl", "toy-1.5"]
    one = await drawn(backend, await wish(backend, count=3))
    assert len(one) == 3
    other = await drawn(backend, await wish(backend, count=3, model="toy-1.5"))
    assert pixels(one[0].data).tobytes() != pixels(other[0].data).tobytes()


async def test_a_part_is_redrawn_and_the_rest_is_kept(start: Start, backend_at: BackendAt) -> None:
    backend = backend_at(await start("inpaint"))
    picture = Image.new("RGB", (1024, 1024), (250, 240, 20))
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).rectangle((600, 0, 1024, 1024), fill=255)
    work = await wish(backend, task=Task.INPAINT, strength=1.0)
    work = replace(work, image=as_png(picture), mask=as_png(mask))
    (output,) = await drawn(backend, work)
    left, right = (0, 0, 590, 1024), (610, 0, 1024, 1024)
    whole = pixels(output.data)
    assert whole.crop(left).tobytes() == picture.crop(left).tobytes()
    assert whole.crop(right).tobytes() != picture.crop(right).tobytes()


async def test_a_function_without_a_queue(start: Start, backend_at: BackendAt) -> None:
    backend = backend_at(await start("unqueued"))
    assert await drawn(backend, await wish(backend))


async def test_a_login(start: Start, backend_at: BackendAt) -> None:
    url = await start("space", "--login", ":".join(LOGIN))
    backend = backend_at(url, username=LOGIN[0], password=LOGIN[1])
    assert await drawn(backend, await wish(backend))
    with pytest.raises(Unavailable, match="wants a login"):
        await backend_at(url).capabilities()
    with pytest.raises(Unavailable, match="does not accept our user name"):
        await backend_at(url, username="ada", password="wrong").capabilities()


async def test_a_full_queue(start: Start, backend_at: BackendAt) -> None:
    url = await start("template", "--full", "1")
    backends = [backend_at(url) for _ in range(4)]
    works = [await wish(backend, steps=50) for backend in backends]
    playing = [
        asyncio.create_task(play(backend, work))
        for backend, work in zip(backends, works, strict=True)
    ]
    endings = [(await each)[-1] for each in playing]
    full = [each.error for each in endings if isinstance(each, Failed)]
    assert full
    assert all("is full" in (error.detail or "") for error in full)
    assert any(isinstance(each, Done) for each in endings)


async def test_an_app_below_a_path(version: str, start: Start, backend_at: BackendAt) -> None:
    if version in CANNOT_BE_MOUNTED:
        pytest.skip("a queue below a path came later")
    backend = backend_at(f"{await start('space', '--path', '/draw')}/draw")
    assert await drawn(backend, await wish(backend))
