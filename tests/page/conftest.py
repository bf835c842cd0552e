"""One browser for all tests of the page, and a fresh sandbox for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import discord
import pytest
import pytest_asyncio
from discord.gateway import DiscordWebSocket
from discord.http import Route
from playwright.async_api import Browser, async_playwright, expect
from yarl import URL

from bot.sandbox import Sandbox
from tests.page.painter import painting
from tests.page.studio import Studio

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# As patient as the studio's pages: other tests run beside these.
expect.set_options(timeout=15_000)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One headless Chromium."""
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium here: install `chromium`, or name its program in $CHROMIUM")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="session")
async def studio(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Studio]:
    """A sandbox with the painter in it; any error in the browser or in the bot fails the test."""
    async with Sandbox() as sandbox:
        monkeypatch.setattr(Route, "BASE", sandbox.api_url)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", URL(sandbox.gateway_url))
        monkeypatch.setattr(discord.Asset, "BASE", sandbox.cdn_url)
        async with painting(sandbox.token) as painter:
            scene = Studio(sandbox=sandbox, painter=painter, browser=browser)
            yield scene
            for page in scene.pages:
                await page.context.close()
    assert scene.problems == []
    assert painter.failures == []
