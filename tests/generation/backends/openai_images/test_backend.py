"""OpenAI-style endpoints as backends, against a server on loopback."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from generation.backends.base import Backend, Cancelled, Done, Progressed, Work
from generation.backends.openai_images.backend import OpenAIImagesBackend
from generation.backends.openai_images.dialects import LOCALAI
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience
from generation.errors import BadReply, Busy, Unavailable, Withheld
from generation.infotext import parse, read_png
from generation.types import UNSEEDED, Params, Setting, Task, new_job_id
from tests.generation.backends.playing import drawn, failure, play
from tests.manual_clock import ManualClock
from tests.servers.images import ImagesTwin
from tests.servers.loopback import served

PATIENCE = Patience(look=0.01, cancel=10.0)


@asynccontextmanager
async def backend_of(twin: ImagesTwin, **settings: Any) -> AsyncIterator[OpenAIImagesBackend]:
    async with twin.running() as url:
        backend = OpenAIImagesBackend(
            "images", Server.at(f"{url}/v1", token="t0ken"), patience=PATIENCE, **settings
        )
        yield backend
        await backend.aclose()


async def wish(backend: Backend, **changes: Any) -> Work:
    pictures = {
        name: changes.pop(name) for name in ("image", "mask", "references") if name in changes
    }
    model = (await backend.capabilities()).models[0]
    params = Params(
        task=Task.TXT2IMG,
        model=model.name,
        prompt="a red circle",
        negative_prompt="",
        width=model.min_side,
        height=model.min_side,
        steps=3,
        guidance_scale=model.guidance_scale,
        sampler=model.sampler,
        scheduler=model.scheduler,
        seed=11,
        count=1,
    )
    return Work(job_id=new_job_id(), params=replace(params, **changes), **pictures)


def hosted() -> ImagesTwin:
    return ImagesTwin(owner="openai", model="gpt-image-1")


def png(mode: str = "RGB", colour: Any = (9, 80, 200)) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (256, 256), colour).save(buffer, "PNG")
    return buffer.getvalue()


async def test_a_server_that_takes_seeds_draws_each_picture_with_its_own() -> None:
    twin = ImagesTwin()
    async with backend_of(twin) as backend:
        result = await drawn(backend, await wish(backend, count=2))
    assert [output.seed for output in result.outputs] == [11, 12]
    assert [asked["seed"] for asked in twin.asked] == [11, 12]
    assert result.notes == ()


async def test_where_no_seed_is_taken_none_is_told() -> None:
    async with backend_of(hosted()) as backend:
        result = await drawn(backend, await wish(backend, count=2))
    assert all(output.flags == {UNSEEDED} for output in result.outputs)
    assert "Seed" not in parse(read_png(result.outputs[0].data) or "").fields
    assert "takes no seed" in result.notes[0]


async def test_a_hosted_model_is_sent_nothing_that_it_refuses() -> None:
    twin = hosted()
    async with backend_of(twin) as backend:
        quality = Setting(name="quality", value="low")
        await drawn(backend, await wish(backend, count=3, options=(quality,)))
    assert [set(asked) for asked in twin.asked] == [{"model", "prompt", "n", "size", "quality"}]
    assert twin.asked[0]["n"] == 3


async def test_pictures_behind_urls_of_the_same_server_are_fetched() -> None:
    twin = ImagesTwin()
    twin.gives_urls_of = ""
    async with backend_of(twin) as backend:
        result = await drawn(backend, await wish(backend))
    assert len(result.outputs) == 1


async def test_another_hosts_picture_is_fetched_only_where_the_operator_allows_it() -> None:
    twin, seen = ImagesTwin(), list[dict[str, str]]()

    async def picture(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        (kept,) = twin.kept.values()
        return web.Response(body=kept, content_type="image/png")

    store = web.Application()
    store.router.add_get("/{path:.*}", picture)
    async with served(store) as url:
        other = url.replace("127.0.0.1", "localhost")
        twin.gives_urls_of = other
        async with backend_of(twin) as backend:
            error = await failure(backend, await wish(backend))
        assert isinstance(error, BadReply)
        assert "another host" in str(error.detail)
        assert seen == []
        twin.kept.clear()
        async with backend_of(twin, hosts=("localhost",)) as backend:
            await drawn(backend, await wish(backend))
    assert len(seen) == 1
    assert "Authorization" not in seen[0]


async def test_unfinished_pictures_are_shown_where_the_operator_pays_for_them() -> None:
    twin = hosted()
    async with backend_of(twin, partial_images=2) as backend:
        events = await play(backend, await wish(backend))
    assert twin.asked[0]["partial_images"] == 2
    assert any(event.progress.preview for event in events if isinstance(event, Progressed))
    assert isinstance(events[-1], Done)


async def test_what_a_job_cost_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with backend_of(hosted(), price=0.04) as backend:
        result = await drawn(backend, await wish(backend, count=2))
    assert "Cost: 0.08" in result.notes
    assert "pictures=2 tokens=200 cost=0.08" in caplog.text


async def test_a_rate_limit_makes_it_busy_until_then() -> None:
    twin, clock = ImagesTwin(), ManualClock()
    twin.retry_after = "30"
    async with backend_of(twin, clock=clock) as backend:
        work = await wish(backend)
        error = await failure(backend, work)
        assert isinstance(error, Busy)
        health = await backend.health()
        assert (health.ok, health.slots) == (True, 0)
        assert "it takes no more requests for 30 s" in health.notes
        twin.retry_after = None
        await clock.advance(30.0)
        assert (await backend.health()).slots == 1
        await drawn(backend, work)


async def test_content_rules_are_the_members_to_read() -> None:
    twin = hosted()
    refused = {"error": {"code": "moderation_blocked", "message": "rejected: a red circle"}}
    twin.refusal = web.json_response(refused, status=400)
    async with backend_of(twin) as backend:
        error = await failure(backend, await wish(backend))
    assert isinstance(error, Withheld)
    assert "change the prompt" in error.sentence


async def test_an_edit_sends_the_pictures_it_works_on() -> None:
    twin = ImagesTwin()
    async with backend_of(twin) as backend:
        await drawn(backend, await wish(backend, task=Task.EDIT, references=(png(), png())))
    assert list(twin.files[0]) == ["image:0.png", "image:1.png"]
    assert twin.asked[0]["prompt"] == "a red circle"


async def test_a_mask_is_transparent_where_the_picture_is_drawn_anew() -> None:
    twin = hosted()
    async with backend_of(twin) as backend:
        work = await wish(
            backend, task=Task.INPAINT, strength=1.0, image=png(), mask=png("L", 255),
            final_width=256, final_height=256,
        )  # fmt: skip
        (output,) = (await drawn(backend, work)).outputs
    with Image.open(io.BytesIO(twin.files[0]["mask:mask.png"])) as opened:
        assert opened.mode == "RGBA"
        assert opened.getpixel((9, 9)) == (9, 80, 200, 0)
    assert (output.width, output.height) == (256, 256)


async def test_an_engine_that_draws_on_after_a_cancel_is_waited_for() -> None:
    twin = ImagesTwin()
    async with backend_of(twin) as backend:
        work = await wish(backend)
        twin.engine.hold()
        playing = asyncio.create_task(play(backend, work))
        await twin.engine.until(lambda: twin.engine.now is not None)
        await backend.cancel(work.job_id)
        assert isinstance((await playing)[-1], Cancelled)
        assert (await backend.health()).slots == 0
        twin.engine.release()
        await drawn(backend, await wish(backend))
        assert (await backend.health()).slots == 1


async def test_the_operator_may_say_what_kind_of_server_it_is() -> None:
    twin = ImagesTwin(owner="")
    async with backend_of(twin, dialect=LOCALAI) as backend:
        await drawn(backend, await wish(backend, negative_prompt="blue"))
        assert (await backend.health()).device == "LocalAI"
    assert twin.asked[0]["prompt"] == "a red circle|blue"
    assert twin.asked[0]["step"] == 3


async def test_a_server_without_models_that_draw_says_so() -> None:
    async with backend_of(ImagesTwin(owner="openai", model="gpt-5.1")) as backend:
        with pytest.raises(Unavailable) as error:
            await backend.capabilities()
    assert "lists no model that draws pictures" in str(error.value.detail)
