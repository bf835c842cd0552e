"""A sandbox on a manual clock, and real discord.py clients that live in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord
import pytest
import yarl
from discord.gateway import DiscordWebSocket

from bot.sandbox import Intent, ManualClock, Sandbox
from tests.sandbox.bots import Running, SmallBot
from tests.sandbox.openapi import Conformance, judged


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def granted() -> Intent:
    """The privileged intents of the application; a test module may grant others."""
    return Intent(0)


@pytest.fixture
async def sandbox(
    clock: ManualClock,
    granted: Intent,
    conformance: Conformance | None,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Sandbox]:
    """A sandbox where discord.py finds it; all that is said in it is held against the document."""
    async with Sandbox(clock=clock, granted_intents=granted) as sandbox:
        monkeypatch.setattr(discord.http.Route, "BASE", sandbox.api_url)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(sandbox.gateway_url))
        monkeypatch.setattr(discord.Asset, "BASE", sandbox.cdn_url)
        with judged(sandbox, conformance):
            yield sandbox


@pytest.fixture
def online(sandbox: Sandbox) -> Running:
    """Bring a bot online, with its commands registered, for the length of a `with` block."""

    @asynccontextmanager
    async def running(bot: SmallBot) -> AsyncIterator[SmallBot]:
        task = asyncio.create_task(bot.start(sandbox.token), name="bot")
        waiting = asyncio.create_task(bot.wait_until_ready(), name="ready")
        try:
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=15)
            if task.done():
                task.result()
            await bot.tree.sync()
            yield bot
        finally:
            # Closing while the task still reads leaves aiohttp's connection open.
            waiting.cancel()
            task.cancel()
            await asyncio.gather(task, waiting, return_exceptions=True)
            await bot.close()

    return running
