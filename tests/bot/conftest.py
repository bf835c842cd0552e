"""The studio: a whole bot in a sandbox, with its time in the test's hands."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.sandbox import ManualClock, Sandbox
from tests.bot.studio import Studio
from tests.sandbox.openapi import Conformance, judged


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    """A command that a test runs to its end has set up the log for its own process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logger.level
        for name, logger in root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)


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
