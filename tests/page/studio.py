"""A sandbox with the painter in it, and browsers to visit it with."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.async_api import Browser, Locator, Page, ViewportSize

from bot.sandbox import Sandbox
from tests.page.painter import Painter


@dataclass(slots=True, kw_only=True)
class Studio:
    """Everything a test of the page needs."""

    sandbox: Sandbox
    painter: Painter
    browser: Browser
    pages: list[Page] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    async def visit(
        self,
        name: str = "alice",
        channel: str = "general",
        *,
        width: int = 1200,
        dark: bool = False,
        touch: bool = False,
        frozen: bool = False,
        extra: str = "",
    ) -> Page:
        """Open the page as one of the people, in a browser profile of its own.

        `frozen`: its clock moves only by `page.clock`.
        """
        context = await self.browser.new_context(
            viewport=ViewportSize(width=width, height=800),
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            has_touch=touch,
            locale="en-GB",
        )
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await context.new_page()
        page.set_default_timeout(15_000)
        if frozen:
            await page.clock.install()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog {dialog.message}"))
        page.on(
            "console",
            lambda line: self.problems.append(line.text) if line.type == "error" else None,
        )
        self.pages.append(page)
        user = self.sandbox.world.user_named(name).id
        where = self.sandbox.channel(channel).id
        await page.goto(f"{self.sandbox.page_url}?user={user}&channel={where}{extra}")
        await page.wait_for_selector("#app[data-ready]")
        return page


async def run(page: Page, line: str) -> None:
    """Type a command into the message box and run it, as a quick typist would."""
    await page.locator("#composer-input").fill(line)
    await page.keyboard.press("Enter")
    await page.locator(".composer[data-mode=command]").wait_for()
    await page.keyboard.press("Enter")


def box(page: Page) -> Locator:
    """The message box."""
    return page.locator("#composer-input")


def option(page: Page, name: str) -> Locator:
    """The field of a command's option."""
    return page.locator(f".option-field[data-name='{name}'] .option-input")


def messages(page: Page, text: str = "") -> Locator:
    """The messages in the log that hold the text."""
    return page.locator("article.message", has_text=text)
