"""`easel check`: what it tries, and how it says what is wrong."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.check import Finding, Verdict, check
from bot.config import (
    Config,
    DataConfig,
    DiscordConfig,
    LocalConfig,
    ModelConfig,
    ScriptedConfig,
    Secret,
)
from bot.endings import ExitCode
from bot.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> Config:
    return Config(
        path=tmp_path / "config.toml",
        discord=DiscordConfig(
            token=Secret(sandbox.token),
            api_url=sandbox.api_url,
            gateway_url=sandbox.gateway_url,
        ),
        data=DataConfig(directory=tmp_path / "data", database=Secret("sqlite:///x")),
        backends=(ScriptedConfig(),),
    )


async def findings(config: Config) -> list[Finding]:
    return [finding async for finding in check(config)]


async def bad(config: Config) -> Finding:
    """The one thing that is wrong."""
    (finding,) = [each for each in await findings(config) if each.verdict is Verdict.BAD]
    return finding


async def test_all_is_well_and_says_what_it_found(config: Config, sandbox: Sandbox) -> None:
    found = await findings(config)
    assert {finding.verdict for finding in found} <= {Verdict.GOOD, Verdict.DOUBT}
    assert {finding.code for finding in found} == {ExitCode.OK}
    text = "\n".join(finding.text for finding in found)
    assert "it is studio-bot" in text
    assert "backend scripted: models testcard (512×512)" in text
    assert "scope=bot+applications.commands&permissions=274878024704" in text
    assert sandbox.token not in text


async def test_a_refused_token_is_told_from_one_that_works(config: Config) -> None:
    wrong = replace(config, discord=replace(config.discord, token=Secret("wrong")))
    finding = await bad(wrong)
    assert finding.code == ExitCode.REFUSED_BY_DISCORD
    assert "does not accept the token" in finding.text


async def test_an_address_without_its_version_is_recognised(
    config: Config, sandbox: Sandbox
) -> None:
    address = sandbox.api_url.removesuffix("/api/v10")
    finding = await bad(replace(config, discord=replace(config.discord, api_url=address)))
    assert "Does api_url end in /api/v10?" in finding.text


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, "<html>", "is not Discord"),
        (200, "[]", "is not Discord"),
        (503, "", "answers"),
        (302, "", "answers"),
    ],
)
async def test_what_is_not_discord_is_recognised(
    config: Config, status: int, body: str, words: str
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/api/v10"))
        finding = await bad(replace(config, discord=replace(config.discord, api_url=url)))
    assert words in finding.text


async def test_a_discord_that_is_away_is_told(config: Config) -> None:
    away = replace(config.discord, api_url="http://127.0.0.1:9/api/v10")
    finding = await bad(replace(config, discord=away))
    assert "Discord cannot be reached at http://127.0.0.1:9" in finding.text


async def test_a_backend_that_cannot_start_is_named_with_its_cause(
    config: Config, tmp_path: Path
) -> None:
    broken = LocalConfig(name="card", models=(ModelConfig(name="x", path=tmp_path / "gone"),))
    finding = await bad(replace(config, backends=(broken,)))
    assert finding.text.startswith("backend card: ")
    assert "gone" in finding.text


async def test_a_default_model_that_nobody_has_is_told(config: Config) -> None:
    finding = await bad(replace(config, default_model="other"))
    assert finding.text == 'default_model is "other", but the models are testcard'


async def test_a_data_directory_that_cannot_be_written_is_told(
    config: Config, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    data = replace(config.data, directory=tmp_path / "file" / "data")
    finding = await bad(replace(config, data=data))
    assert finding.code == ExitCode.CONFIGURATION
    assert "cannot be written" in finding.text


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o600, False)])
async def test_a_token_that_others_can_read_is_warned_of(
    config: Config, tmp_path: Path, mode: int, *, warned: bool
) -> None:
    holder = tmp_path / "token.txt"
    holder.touch()
    holder.chmod(stat.S_IFREG | mode)
    held = replace(config, discord=replace(config.discord, token_file=holder))
    assert any("chmod 600" in finding.text for finding in await findings(held)) is warned
