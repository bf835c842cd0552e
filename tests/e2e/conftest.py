"""Whole bots in a sandbox: with the model that ships, or with test cards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox import Member, Sandbox
from tests.bot_process import BotProcess
from tests.sandbox.openapi import Conformance, judged


@pytest.fixture
async def sandbox(conformance: Conformance | None) -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        with judged(sandbox, conformance):
            yield sandbox


@pytest.fixture
def alice(sandbox: Sandbox) -> Member:
    """The server's owner."""
    return sandbox.member("alice")


@pytest.fixture
def bob(sandbox: Sandbox) -> Member:
    return sandbox.member("bob")


@pytest.fixture
async def scripted_bot(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[BotProcess]:
    """A bot that paints test cards: no model to load, and steps slow enough to be interrupted."""
    bot = BotProcess(sandbox, tmp_path, more='[[backends]]\nkind = "scripted"\n')
    await bot.start()
    yield bot
    await bot.close()


@pytest.fixture
def more() -> str:
    """What is configured beside Discord. Nothing is the model that ships, in its worker."""
    return ""


@pytest.fixture
async def bot(sandbox: Sandbox, tmp_path: Path, more: str) -> AsyncIterator[BotProcess]:
    """A bot with ``more`` configured."""
    process = BotProcess(sandbox, tmp_path, more=more)
    await process.start()
    yield process
    await process.close()
