"""What answers at an address is found out by asking, and everything else is named with its mend."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from generation.backends.remote.probe import Kind, find_kind
from generation.backends.remote.server import Server
from generation.backends.remote.wire import Deadlines, Wire
from generation.errors import BackendError, Unavailable
from tests.servers.loopback import deaf_port, served

Answers = Mapping[str, object]

# What each engine answers to what it is asked here; everything else is a 404.
A1111: Answers = {
    "/sdapi/v1/sd-models": [{"title": "x [1]", "model_name": "x"}],
    "/config": {"version": "3.41.2", "dependencies": [], "components": []},
}
SDNEXT: Answers = {
    "/sdapi/v1/version": {"app": "sdnext", "commit": "abc"},
    "/config": {"dependencies": []},
}
SD_CPP: Answers = {
    "/sdapi/v1/sd-models": [{"model_name": "m"}],
    "/sdcpp/v1/capabilities": {"modes": ["img_gen"]},
    "/v1/models": {"data": [{"id": "sd-cpp-local"}]},
}
PARTLY_A1111: Answers = {"/sdapi/v1/options": {"sd_model_checkpoint": "x"}}
COMFYUI: Answers = {"/system_stats": {"system": {"comfyui_version": "0.3.64"}, "devices": []}}
GRADIO: Answers = {"/config": {"version": "5.50.0", "dependencies": [], "components": []}}
OPENAI: Answers = {"/v1/models": {"object": "list", "data": [{"id": "flux"}]}}
WITHOUT_API: Answers = {
    "/config": {"dependencies": [], "components": [{"props": {"elem_id": "txt2img_prompt"}}]}
}


@asynccontextmanager
async def engine(answers: Answers, *, status: int = 404) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        if request.path not in answers:
            return web.json_response({"detail": "Not Found"}, status=status)
        return web.json_response(answers[request.path])

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with served(app) as url:
        yield url


async def kind_at(url: str) -> Kind:
    wire = Wire(Server.at(url), deadlines=Deadlines(connect=2.0, silence=2.0, total=4.0))
    try:
        return await find_kind(wire)
    finally:
        await wire.aclose()


async def trouble_at(url: str) -> str:
    with pytest.raises(BackendError) as caught:
        await kind_at(url)
    assert isinstance(caught.value, Unavailable)
    return caught.value.detail or ""


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (A1111, Kind.A1111),
        (SDNEXT, Kind.A1111),
        (SD_CPP, Kind.A1111),
        (PARTLY_A1111, Kind.A1111),
        (COMFYUI, Kind.COMFYUI),
        (GRADIO, Kind.GRADIO),
        (OPENAI, Kind.OPENAI),
    ],
)
async def test_an_engine_is_known_by_its_answers(answers: Answers, kind: Kind) -> None:
    async with engine(answers) as url:
        assert await kind_at(url) is kind


async def test_a_web_ui_without_its_api_is_told_to_enable_it() -> None:
    async with engine(WITHOUT_API) as url:
        assert "whose API is not enabled. Start it with --api" in await trouble_at(url)


async def test_a_login_that_is_wanted_is_asked_for() -> None:
    async with engine({}, status=401) as url:
        assert "wants a login. Give this backend a username" in await trouble_at(url)


async def test_an_app_with_a_login_form_is_left_to_its_own_backend() -> None:
    async def answer(request: web.Request) -> web.Response:
        status = 401 if request.path == "/config" else 404
        return web.json_response({"detail": "Not authenticated"}, status=status)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with served(app) as url:
        assert await kind_at(url) is Kind.GRADIO


@pytest.mark.parametrize("address", ["https://huggingface.co/spaces/o/n", "https://o-n.hf.space"])
async def test_a_space_need_not_be_awake_to_be_known(address: str) -> None:
    assert await kind_at(address) is Kind.GRADIO


async def test_something_else_is_named_as_such() -> None:
    async with engine({}) as url:
        assert "answers, but as no engine that Easel knows. Check the port." in await trouble_at(
            url
        )


async def test_pages_redirects_and_garbage_are_no_engine() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path.startswith("/sdapi"):
            raise web.HTTPFound("/login")
        if request.path == "/config":
            return web.Response(body=b'{"dependencies": NaN', content_type="application/json")
        return web.Response(text="<!doctype html><html></html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with served(app) as url:
        assert "as no engine that Easel knows" in await trouble_at(url)


async def test_nothing_there_is_told_with_the_port() -> None:
    port = deaf_port()
    assert f"Nothing listens at 127.0.0.1:{port}." in await trouble_at(f"http://127.0.0.1:{port}")


async def test_an_openai_style_address_may_end_in_its_version() -> None:
    async with engine(OPENAI) as url:
        assert await kind_at(f"{url}/v1") is Kind.OPENAI
