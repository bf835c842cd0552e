"""`easel demo`: one picture from the terminal, by the way every picture goes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.config import ScriptedConfig, engine_at
from bot.demo import DemoOptions, run_demo
from bot.endings import ExitCode, OperatorError, ending_of
from tests.conformance.remotes import TWINS
from tests.servers.loopback import deaf_port


@pytest.fixture(autouse=True)
def _discord_where_it_was() -> Iterator[None]:
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    yield
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


@pytest.fixture
def options(tmp_path: Path) -> DemoOptions:
    return DemoOptions(
        port=0,
        open_browser=False,
        prompt="a red circle",
        out=tmp_path / "picture.png",
        settings={"seed": 7, "steps": 1},
        backends=(ScriptedConfig(),),
    )


async def run(options: DemoOptions) -> tuple[int, str]:
    told: list[str] = []
    code = await run_demo(options, say=told.append, stop=asyncio.Event())
    return code, "\n".join(told)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_it_writes_the_picture_and_tells_what_the_member_saw(options: DemoOptions) -> None:
    code, told = await run(options)
    assert code == ExitCode.OK
    assert "acknowledged after 0." in told
    assert "a red circle" in told
    assert "Seed: 7" in told
    assert options.out is not None
    assert options.out.read_bytes().startswith(b"\x89PNG")


async def test_the_same_seed_gives_the_same_bytes(options: DemoOptions, tmp_path: Path) -> None:
    other = replace(options, out=tmp_path / "other.png")
    await run(options)
    await run(other)
    files = [(tmp_path / name).read_bytes() for name in ("picture.png", "other.png")]
    assert files[0] == files[1]


async def test_several_pictures_get_several_files(options: DemoOptions, tmp_path: Path) -> None:
    code, told = await run(replace(options, settings={**options.settings, "count": 2}))
    assert code == ExitCode.OK
    assert "picture-2.png" in told
    assert names(tmp_path) == {"picture-2.png", "picture.png"}


async def test_a_refusal_is_told_and_ends_with_1(options: DemoOptions, tmp_path: Path) -> None:
    code, told = await run(replace(options, settings={"model": "nonsense"}))
    assert code == ExitCode.CRASH
    assert "There is no model" in told
    assert names(tmp_path) == set()


async def test_what_discord_itself_would_not_send_is_told(options: DemoOptions) -> None:
    code, told = await run(replace(options, settings={"steps": 9999}))
    assert code == ExitCode.CRASH
    assert "Discord does not send this" in told


async def test_a_picture_to_start_from_goes_along(options: DemoOptions, tmp_path: Path) -> None:
    await run(options)
    again = replace(options, image=options.out, out=tmp_path / "again.png")
    code, told = await run(again)
    assert code == ExitCode.OK
    assert "strength" in told


async def test_a_picture_that_is_not_there_is_told(options: DemoOptions, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be read: No such file"):
        await run(replace(options, image=tmp_path / "gone.png"))


async def test_a_port_that_is_taken_is_told(options: DemoOptions) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OperatorError, match="another program uses it") as caught,
    ):
        await run(replace(options, port=taken.getsockname()[1]))
    assert ending_of(caught.value).code == ExitCode.CONFIGURATION


async def test_the_page_is_shown_until_it_is_stopped(options: DemoOptions) -> None:
    stop = asyncio.Event()

    def say(text: str) -> None:
        if text.startswith("\nOpen http://127.0.0.1:"):
            stop.set()

    shown = replace(options, prompt=None, out=None)
    assert await run_demo(shown, say=say, stop=stop) == ExitCode.OK


async def test_its_folder_is_kept_where_it_was_asked_for(
    options: DemoOptions, tmp_path: Path
) -> None:
    await run(replace(options, data=tmp_path / "kept"))
    assert (tmp_path / "kept" / "easel.db").exists()


@pytest.mark.parametrize("kind", ["a1111", "gradio-6", "comfyui", "openai"])
async def test_an_engine_of_which_only_the_address_is_known_draws_by_the_same_way(
    options: DemoOptions, kind: str
) -> None:
    async with TWINS[kind]().running() as url:
        engine = engine_at(url)
        code, told = await run(replace(options, backends=(engine,), settings={}))
    assert code == ExitCode.OK, told
    assert "a red circle" in told
    assert options.out is not None
    assert options.out.read_bytes().startswith(b"\x89PNG")


async def test_an_engine_that_is_not_there_ends_it_with_cause_and_mend(
    options: DemoOptions,
) -> None:
    port = deaf_port()
    with pytest.raises(BaseExceptionGroup) as caught:
        await run(replace(options, backends=(engine_at(f"127.0.0.1:{port}"),)))
    ending = ending_of(caught.value)
    assert ending.expected
    assert f"Nothing listens at 127.0.0.1:{port}. Start the server" in ending.sentence
