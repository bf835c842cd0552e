"""A bot of test cards in a sandbox, with three members who keep watching."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from bot.sandbox import Member, Sandbox, SeenMessage
from tests.bot_process import BotProcess
from tests.sandbox.openapi import Conformance, judged


@pytest.fixture
async def sandbox(conformance: Conformance | None) -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        with judged(sandbox, conformance):
            yield sandbox


@pytest.fixture
async def members(sandbox: Sandbox) -> list[Member]:
    """Everybody, connected before anything is said."""
    everybody = [sandbox.member(name) for name in sandbox.cast.people]
    for member in everybody:
        await member.connect()
    return everybody


@pytest.fixture
async def bot(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[BotProcess]:
    """A bot that has not been started yet."""
    process = BotProcess(sandbox, tmp_path, more='[[backends]]\nkind = "scripted"\n')
    yield process
    await process.close()


@pytest.fixture
def database(bot: BotProcess) -> Path:
    return bot.folder / "data" / "easel.db"


def seen_by(members: Iterable[Member]) -> list[SeenMessage]:
    """Every message that any of them sees, once."""
    return list({item.id: item for member in members for item in member.seen.values()}.values())
