"""`easel check` on engines behind an address: what it tells of them, and what is wrong."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from bot.check import Finding, Verdict, check
from bot.config import Config, DataConfig, DiscordConfig, EngineConfig, Secret
from bot.sandbox import Sandbox
from generation.backends.chosen import Choice
from tests.servers.a1111 import A1111Twin
from tests.servers.loopback import deaf_port, raw, served

PASSWORD = "sentinel-pa55word"
TOKEN = "sentinel-t0ken"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def examine(sandbox: Sandbox, tmp_path: Path) -> Callable[[EngineConfig], AsyncIterator[Finding]]:
    def run(engine: EngineConfig) -> AsyncIterator[Finding]:
        config = Config(
            path=tmp_path / "config.toml",
            discord=DiscordConfig(
                token=Secret(sandbox.token),
                api_url=sandbox.api_url,
                gateway_url=sandbox.gateway_url,
            ),
            data=DataConfig(directory=tmp_path / "data", database=Secret("sqlite:///x")),
            backends=(engine,),
        )
        return check(config)

    return run


def engine(url: str, **more: object) -> EngineConfig:
    return EngineConfig(name="box", url=url, **{"kind": "auto", **more})  # type: ignore[arg-type]


async def lines(found: AsyncIterator[Finding], verdict: Verdict = Verdict.GOOD) -> list[str]:
    """What it says of the backend."""
    return [
        each.text.removeprefix("backend box: ")
        async for each in found
        if each.verdict is verdict and each.text.startswith("backend box: ")
    ]


Examine = Callable[[EngineConfig], AsyncIterator[Finding]]


async def test_an_engine_is_told_with_all_that_it_offers(examine: Examine) -> None:
    twin = A1111Twin()
    async with twin.running() as url:
        told = await lines(examine(engine(url)))
    assert re.fullmatch(rf"AUTOMATIC1111.* at {url}, answers within \d+ ms, 1 job at once", told[0])
    text = "\n".join(told)
    for part in ("models ", "can draw from a prompt alone, start", "samplers ", "schedules "):
        assert part in text
    assert re.search(
        r"limits sides \d+ to \d+ in steps of 8, up to \d+ steps and \d+ pictures", text
    )


@pytest.mark.parametrize("login", [{}, {"username": "ada", "password": Secret(PASSWORD)}])
async def test_a_login_that_is_missing_or_wrong_is_told_with_its_mend(
    examine: Examine, login: dict[str, object]
) -> None:
    async def closed(_request: web.Request) -> web.Response:
        return web.json_response({"detail": "Not authenticated"}, status=401)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", closed)
    async with served(app) as url:
        (told,) = await lines(examine(engine(url, **login)), Verdict.BAD)
    assert told == (
        f"{url} does not accept our login. Mend the backend's username and password, or its token."
        if login
        else f"{url} wants a login. Give this backend a username and password, or a token."
    )


async def test_nothing_at_the_port_is_told_with_its_mend(examine: Examine) -> None:
    port = deaf_port()
    (told,) = await lines(examine(engine(f"http://127.0.0.1:{port}")), Verdict.BAD)
    assert told.startswith(
        f"Nothing listens at 127.0.0.1:{port}. Start the server or mend the port"
    )
    assert "host.docker.internal" in told


async def test_none_of_the_chosen_models_is_told_with_those_that_there_are(
    examine: Examine,
) -> None:
    async with A1111Twin().running() as url:
        found = examine(engine(url, models=(Choice(name="gone", model="gone"),)))
        (told,) = await lines(found, Verdict.BAD)
    assert told.startswith("box has none of the models chosen for it. It offers: ")


def echo(request: web.Request) -> str:
    """Everything that a server may repeat of a request."""
    return f"{dict(request.headers)} {request.path_qs}"


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 422, 429, 500, 503])
@pytest.mark.parametrize("kind", ["auto", "a1111", "gradio", "comfyui", "openai"])
@pytest.mark.parametrize(
    "login",
    [{"username": "ada", "password": Secret(PASSWORD)}, {"token": Secret(TOKEN)}],
    ids=["password", "token"],
)
async def test_no_secret_is_told_or_logged_by_whatever_fails(
    examine: Examine,
    caplog: pytest.LogCaptureFixture,
    status: int,
    kind: str,
    login: dict[str, object],
) -> None:
    async def repeat(request: web.Request) -> web.Response:
        if status == 302:
            raise web.HTTPFound(f"/login?next={PASSWORD}{TOKEN}")
        body = {"detail": echo(request), "error": {"message": echo(request)}}
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", repeat)
    with caplog.at_level(logging.DEBUG):
        async with served(app) as url:
            config = engine(url, kind=kind, timeout=2.0, **login)
            told = [finding.text async for finding in examine(config)]
    text = "\n".join([*told, caplog.text, repr(config)])
    for secret in (*config.secrets, PASSWORD, TOKEN):
        assert secret not in text


async def test_no_secret_is_told_when_the_connection_breaks(
    examine: Examine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with raw(_hang_up) as url:
            config = engine(url, kind="a1111", username="ada", password=Secret(PASSWORD))
            (told,) = await lines(examine(config), Verdict.BAD)
    assert "closed the connection without an answer" in told
    for secret in config.secrets:
        assert secret not in told + caplog.text


async def _hang_up(_reader: object, writer: object) -> None:
    writer.close()  # type: ignore[attr-defined]
