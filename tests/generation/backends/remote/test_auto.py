"""An address that becomes a backend once something answers there."""

from __future__ import annotations

import logging

import pytest
from aiohttp import web

from generation.backends.base import Backend, Done, Failed, Work
from generation.backends.remote.auto import AutoBackend
from generation.backends.remote.probe import Kind
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience
from generation.backends.remote.wire import Deadlines
from generation.backends.scripted import TEST_CARD, ScriptedBackend
from generation.errors import Unavailable
from generation.types import JobId, new_job_id
from tests.generation.stage import params
from tests.manual_clock import ManualClock
from tests.servers.loopback import deaf_port, served


def comfyui() -> web.Application:
    async def stats(_request: web.Request) -> web.Response:
        return web.json_response({"system": {}, "devices": []})

    app = web.Application()
    app.router.add_get("/system_stats", stats)
    return app


def made() -> Backend:
    return ScriptedBackend("engine", step_seconds=0.0)


def auto(url: str, clock: ManualClock) -> AutoBackend:
    return AutoBackend(
        "engine",
        Server.at(url),
        {Kind.COMFYUI: made},
        clock=clock,
        patience=Patience(retry=5.0),
        deadlines=Deadlines(connect=2.0, silence=2.0, total=4.0),
    )


def work(job_id: JobId) -> Work:
    return Work.of(job_id, params(model=TEST_CARD.name, steps=1, width=64, height=64), ())


async def test_it_becomes_what_answers(caplog: pytest.LogCaptureFixture) -> None:
    async with served(comfyui()) as url:
        backend = auto(url, ManualClock())
        try:
            with caplog.at_level(logging.INFO):
                health = await backend.health()
            assert (health.ok, health.device) == (True, "ComfyUI")
            assert "backend_found backend=engine kind=comfyui" in caplog.text
            assert (await backend.capabilities()).models[0] == TEST_CARD
            events = [event async for event in backend.run(work(new_job_id()))]
            assert isinstance(events[-1], Done)
            await backend.cancel(new_job_id())
        finally:
            await backend.aclose()


async def test_one_that_is_down_at_the_start_is_asked_again_later() -> None:
    clock, port = ManualClock(), deaf_port()
    backend = auto(f"http://127.0.0.1:{port}", clock)
    try:
        assert "Nothing listens" in ((await backend.health()).problem or "")
        with pytest.raises(Unavailable):
            await backend.capabilities()
        async with served(comfyui(), port=port):
            assert not (await backend.health()).ok  # not before its time
            await clock.advance(5.0)
            assert (await backend.health()).ok
    finally:
        await backend.aclose()


async def test_a_job_for_one_that_is_not_there_fails_at_once() -> None:
    backend = auto(f"http://127.0.0.1:{deaf_port()}", ManualClock())
    try:
        await backend.health()
        (event,) = [event async for event in backend.run(work(new_job_id()))]
        assert isinstance(event, Failed)
        assert isinstance(event.error, Unavailable)
        await backend.cancel(new_job_id())
    finally:
        await backend.aclose()
        await backend.aclose()
