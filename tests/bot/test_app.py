"""The whole program in one process: it starts, draws, stops in order, and says why it cannot."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import discord
import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.app import serve
from bot.config import (
    Config,
    DataConfig,
    DiscordConfig,
    LocalConfig,
    ModelConfig,
    QueueConfig,
    ScriptedConfig,
    Secret,
)
from bot.endings import ExitCode, ending_of
from bot.lock import AlreadyRunning, DataDirectoryLock
from bot.sandbox import Sandbox, SeenMessage
from generation.errors import StorageError
from generation.queue import Queue


@pytest.fixture(autouse=True)
def _discord_where_it_was() -> Iterator[None]:
    """discord.py keeps its endpoints in classes; the next test may want the old ones."""
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    yield
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


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
        data=DataConfig(
            directory=tmp_path / "data",
            database=Secret(f"sqlite:///{tmp_path / 'data' / 'easel.db'}"),
        ),
        queue=QueueConfig(stop_grace=0),
        backends=(ScriptedConfig(),),
    )


@asynccontextmanager
async def running(
    config: Config, stop: asyncio.Event | None = None
) -> AsyncIterator[asyncio.Task[int]]:
    """The program once it is ready; it is asked to stop at the end, or by ``stop`` before."""
    stop, ready = stop or asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(serve(config, stop=stop, ready=ready), name="serve")
        await ready.wait()
        yield task
        stop.set()
    assert task.result() == 0


def pictures(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def has_ended(message: SeenMessage) -> bool:
    return not message.loading and "Cancel" not in message.button_labels


async def logged(logger: str, text: str) -> None:
    """Wait until that logger writes a line with the text in it."""
    seen = asyncio.Event()
    watch = logging.Handler()
    watch.emit = (  # type: ignore[method-assign]
        lambda record: seen.set() if text in record.getMessage() else None
    )
    logging.getLogger(logger).addHandler(watch)
    await seen.wait()
    logging.getLogger(logger).removeHandler(watch)


async def test_a_members_wish_comes_back_as_a_picture(config: Config, sandbox: Sandbox) -> None:
    async with running(config):
        use = await sandbox.member("bob").slash("imagine", prompt="a red circle", steps=1, seed=5)
        message = await use.message_where(has_ended)
        assert len(message.attachments) == 1
        assert "Seed: 5" in message.text


async def test_stopping_lets_go_of_everything(config: Config) -> None:
    async with running(config):
        pass
    lock = DataDirectoryLock(config.data.directory)
    await asyncio.to_thread(lock.acquire)
    lock.release()
    assert not list(config.data.directory.glob("*-wal")), "the database was not closed"


async def test_a_job_cut_off_by_a_stop_is_finished_after_the_next_start(
    config: Config, sandbox: Sandbox
) -> None:
    async with running(config):
        use = await sandbox.member("bob").slash("imagine", prompt="a red circle", steps=4)
        await use.message_where(lambda seen: "Cancel" in seen.button_labels)
    async with running(config):
        message = await use.message_where(has_ended)
        assert len(message.attachments) == 1


async def test_while_it_stops_new_wishes_are_refused_and_the_running_one_is_shown(
    config: Config, sandbox: Sandbox
) -> None:
    stop, bob = asyncio.Event(), sandbox.member("bob")
    async with running(replace(config, queue=QueueConfig(stop_grace=30)), stop):
        use = await bob.slash("imagine", prompt="a red circle", steps=12)
        await use.message_where(lambda seen: "Drawing" in seen.text)
        stop.set()
        refused = await bob.slash("imagine", prompt="a blue circle")
        told = await refused.message_where(lambda seen: not seen.loading)
        assert "restarted" in told.text
        assert "a blue circle" in told.text
        assert (await use.message_where(has_ended)).attachments


async def test_a_disk_that_cannot_be_tidied_does_not_end_the_bot(
    config: Config, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_queue: Queue, _moment: float) -> int:
        raise StorageError(detail="disk I/O error")

    monkeypatch.setattr(Queue, "forget_ended_before", fail)
    async with running(config):
        use = await sandbox.member("bob").slash("imagine", prompt="a red circle", steps=1)
        assert (await use.message_where(has_ended)).attachments


async def test_what_is_older_than_the_days_to_keep_is_forgotten(
    config: Config, sandbox: Sandbox
) -> None:
    async with running(config):
        use = await sandbox.member("bob").slash("imagine", prompt="a red circle", steps=1)
        await use.message_where(has_ended)
    blobs = config.data.directory / "blobs"
    assert pictures(blobs) == 1
    async with running(replace(config, data=replace(config.data, keep_days=0))):
        assert pictures(blobs) == 0


async def test_commands_can_be_kept_to_chosen_servers(config: Config, sandbox: Sandbox) -> None:
    guild = int(sandbox.guild.id)
    paths: list[str] = []
    sandbox.observers.append(lambda exchange: paths.append(exchange.path))
    chosen = replace(config, discord=replace(config.discord, sync_guilds=(guild,)))
    async with running(chosen):
        assert await sandbox.member("bob").commands()
    synced = [path for path in paths if path.endswith("/commands")]
    assert len(synced) == 1
    assert f"/guilds/{guild}/" in synced[0]


async def test_a_refused_token_ends_with_its_own_code(config: Config) -> None:
    wrong = replace(config, discord=replace(config.discord, token=Secret("wrong")))
    with pytest.raises(ExceptionGroup) as caught:
        await serve(wrong, stop=asyncio.Event())
    assert ending_of(caught.value).code == ExitCode.REFUSED_BY_DISCORD


async def test_a_connection_refused_for_good_ends_with_its_own_code(
    config: Config, sandbox: Sandbox
) -> None:
    ready = asyncio.Event()
    task = asyncio.create_task(serve(config, stop=asyncio.Event(), ready=ready), name="serve")
    await ready.wait()
    sandbox.core.gateway.close(4014)
    with pytest.raises(ExceptionGroup) as caught:
        await task
    ending = ending_of(caught.value)
    assert ending.code == ExitCode.REFUSED_BY_DISCORD
    assert "Privileged Gateway Intents" in ending.sentence


async def test_a_second_bot_on_the_same_data_is_refused(config: Config) -> None:
    lock = DataDirectoryLock(config.data.directory)
    await asyncio.to_thread(lock.acquire)
    try:
        with pytest.raises(AlreadyRunning) as caught:
            await serve(config, stop=asyncio.Event())
    finally:
        lock.release()
    assert ending_of(caught.value).code == ExitCode.CONFIGURATION


async def test_an_impatient_bot_without_models_says_why(config: Config, tmp_path: Path) -> None:
    nothing = LocalConfig(models=(ModelConfig(name="none", path=tmp_path),))
    hopeless = replace(config, backends=(nothing,))
    with pytest.raises(ExceptionGroup) as caught:
        await serve(hopeless, stop=asyncio.Event(), patient=False)
    ending = ending_of(caught.value)
    assert ending.code == ExitCode.CRASH
    assert "No model could be started" in ending.sentence


async def test_it_waits_for_a_discord_that_is_not_there_yet_and_can_be_stopped(
    config: Config,
) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/api/v10"
        away = replace(config, discord=replace(config.discord, api_url=url))
        stop = asyncio.Event()
        task = asyncio.create_task(serve(away, stop=stop), name="serve")
        await logged("bot.app", "discord_unreachable")
        stop.set()
        assert await task == 0


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (discord.LoginFailure(), 3, "does not accept this token"),
        (discord.PrivilegedIntentsRequired(None), 3, "Privileged Gateway Intents"),
        (TimeoutError(), 1, "Discord cannot be reached"),
        (OSError(28, "No space left on device"), 1, "No space left"),
        (KeyError("x"), 1, "Easel has crashed: KeyError"),
    ],
)
def test_every_way_to_end_has_a_code_and_a_sentence(
    error: Exception, code: int, words: str
) -> None:
    ending = ending_of(ExceptionGroup("", [ExceptionGroup("", [error])]))
    assert (ending.code, words in ending.sentence) == (code, True)


def test_the_cause_that_is_understood_is_the_one_that_is_told() -> None:
    group = ExceptionGroup("", [KeyError("x"), discord.LoginFailure()])
    assert ending_of(group).code == ExitCode.REFUSED_BY_DISCORD
