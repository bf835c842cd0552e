"""The studio: a whole bot in a sandbox, with its time in the test's hands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.sandbox import ManualClock, Sandbox
from tests.bot.studio import Studio
from tests.sandbox.openapi import Conformance, judged


@pytest.fixture
async def studio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conformance: Conformance | None
) -> AsyncIterator[Studio]:
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
    time = ManualClock()
    async with Sandbox(clock=time) as sandbox:
        studio = Studio(sandbox, time, tmp_path)
        with judged(sandbox, conformance):
            await studio.start()
            yield studio
            await studio.stop()
