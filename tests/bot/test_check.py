"""`easel check`: what it tries, and how it says what is wrong."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot import check as check_module
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
from generation.backends.base import Health
from generation.backends.cards import Card
from generation.backends.scripted import ScriptedBackend


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


async def test_tools_are_named_and_where_there_are_none_it_says_how_to_add_them(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\n".join(finding.text for finding in await findings(config))
    assert "tools testscaler (upscale), testcutter (cutout), testteller (describe)" in text
    assert "adds one" not in text

    def bare(_config: Config, _cards: object) -> tuple[ScriptedBackend, ...]:
        return (ScriptedBackend(tools=()),)

    monkeypatch.setattr(check_module, "build_backends", bare)
    found = await findings(config)
    advice = [finding for finding in found if "adds one" in finding.text]
    assert [finding.text.partition(":")[0].partition(",")[0] for finding in advice] == [
        "no upscaler",
        "no cutter",
        "no describer",
    ]
    assert {finding.verdict for finding in advice} == {Verdict.GOOD}


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


async def test_a_device_that_does_not_exist_is_named_with_what_to_do(config: Config) -> None:
    wrong = LocalConfig(name="card", device="cuda:7")
    finding = await bad(replace(config, backends=(wrong,)))
    assert finding.text.startswith("backend card: device cuda:7 does not exist: ")


async def test_every_card_is_told_of_and_why_one_is_not_used(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cards_for(_config: Config) -> tuple[Card, ...]:
        large, small = 24 * 1024**3, 2 * 1024**3
        return (
            Card(device="cuda:0", name="RTX", memory=large),
            Card(device="cuda:1", name="GT 710", memory=small, problem="it is too small"),
        )

    monkeypatch.setattr(check_module, "cards_for", cards_for)
    found = {each.text: each.verdict for each in await findings(config)}
    assert found["card cuda:0: RTX, 24.0 GB"] is Verdict.GOOD
    (left_out,) = [text for text in found if text.startswith("card cuda:1: GT 710, 2.0 GB; ")]
    assert "it is too small" in left_out
    assert 'device = "cuda:1"' in left_out
    assert found[left_out] is Verdict.DOUBT


async def test_what_a_backend_computes_on_and_which_model_it_cannot_use_are_told(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def health(_backend: ScriptedBackend) -> Health:
        notes = ("testcard: compile, attention native",)
        device, problem = "RTX (bfloat16)", "model x: no folder"
        return Health(ok=True, slots=1, device=device, problem=problem, notes=notes)

    monkeypatch.setattr(ScriptedBackend, "health", health)
    found = {each.text: each.verdict for each in await findings(config)}
    good = "backend scripted: models testcard (512×512) on RTX (bfloat16)"
    assert found[good] is Verdict.GOOD
    assert found["backend scripted: model x: no folder"] is Verdict.DOUBT
    assert found["backend scripted: testcard: compile, attention native"] is Verdict.GOOD


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
