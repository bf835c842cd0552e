"""The page as a place: channels, people, colours, narrow screens, addresses."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.page.studio import Studio, box, messages, option, run

pytestmark = pytest.mark.asyncio(loop_scope="session")

NARROW = 360


async def _background(page: Page) -> str:
    color = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    return str(color)


async def _fits(page: Page) -> bool:
    """Whether nothing reaches out to the side, in the page or in the log."""
    inside = await page.evaluate(
        """() => [document.documentElement, document.querySelector(".log")]
            .filter(Boolean).every(e => e.scrollWidth <= e.clientWidth)"""
    )
    return bool(inside)


async def test_the_sidebar_lists_channels_thread_and_the_bot(studio: Studio) -> None:
    page = await studio.visit()
    await expect(page.locator(".nav-link")).to_have_text(
        ["general", "sketches", "after-dark18+", "studio-botApp"]
    )
    await expect(page.get_by_role("heading", name="Easel sandbox")).to_be_visible()
    await expect(page).to_have_title("#general · Easel sandbox")


async def test_a_thread_is_a_place_of_its_own(studio: Studio) -> None:
    page = await studio.visit()
    await page.get_by_role("button", name="sketches").click()
    await box(page).fill("In the thread")
    await page.keyboard.press("Enter")
    await expect(messages(page, "In the thread")).to_be_visible()
    await page.get_by_role("button", name="#general").click()
    await expect(page.locator(".welcome")).to_be_visible()
    await expect(messages(page)).to_have_count(0)


async def test_the_bot_can_be_used_in_direct_messages(studio: Studio) -> None:
    page = await studio.visit()
    await page.get_by_role("button", name="studio-bot").click()
    await run(page, "/gallery")
    await expect(messages(page, "Three studies")).to_be_visible()
    other = await studio.visit("bob")
    await other.get_by_role("button", name="studio-bot").click()
    await expect(other.locator(".welcome")).to_be_visible()
    await expect(messages(other)).to_have_count(0)


async def test_other_channels_show_what_was_not_read(studio: Studio) -> None:
    page = await studio.visit()
    await studio.sandbox.member("bob").send("Psst", channel="sketches")
    link = page.locator(".nav-link", has_text="sketches")
    await expect(link.locator(".nav-unread")).to_have_text("1")
    await link.click()
    await expect(messages(page, "Psst")).to_be_visible()
    await expect(link.locator(".nav-unread")).to_have_count(0)


async def test_an_age_restricted_channel_asks_once(studio: Studio) -> None:
    page = await studio.visit()
    await page.get_by_role("button", name="after-dark").click()
    gate = page.get_by_role("alertdialog", name="Age-restricted channel")
    await expect(gate).to_be_visible()
    await expect(box(page)).to_have_count(0)
    await gate.get_by_role("button", name="Go back").click()
    await expect(page.locator(".header-name")).to_have_text("general")
    await page.get_by_role("button", name="after-dark").click()
    await gate.get_by_role("button", name="I am 18 or older").click()
    await expect(box(page)).to_be_focused()
    await page.reload()
    await expect(box(page)).to_be_visible()
    await expect(page.locator(".header-name")).to_have_text("after-dark")


async def test_one_can_act_as_somebody_else(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/whisper")
    await expect(messages(page, "Between you and me.")).to_be_visible()
    await page.get_by_role("button", name="Acting as Alice").press("Enter")
    await expect(page.get_by_role("menuitemradio")).to_contain_text(
        ["AliceAdmin", "BobMember", "CarolMember"]
    )
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator(".identity-name")).to_have_text("Bob")
    await expect(messages(page)).to_have_count(0)
    await box(page).fill("It is me, Bob")
    await page.keyboard.press("Enter")
    await expect(messages(page).locator(".message-author")).to_have_text("Bob")
    await page.reload()
    await expect(page.locator(".identity-name")).to_have_text("Bob")


async def test_colours_follow_the_system_until_one_chooses(studio: Studio) -> None:
    light = await studio.visit()
    dark = await studio.visit("bob", dark=True)
    assert await _background(light) == "rgb(253, 252, 249)"
    assert await _background(dark) == "rgb(30, 33, 32)"
    await dark.get_by_role("button", name="Use light colours").click()
    assert await _background(dark) == "rgb(253, 252, 249)"
    await dark.reload()
    await expect(dark.locator("#app[data-ready]")).to_be_visible()
    assert await _background(dark) == "rgb(253, 252, 249)"


async def test_an_address_names_person_channel_and_theme(studio: Studio) -> None:
    page = await studio.visit("carol", "sketches", extra="&theme=dark")
    await expect(page.locator(".header-name")).to_have_text("sketches")
    await expect(page.locator(".identity-name")).to_have_text("Carol")
    assert await _background(page) == "rgb(30, 33, 32)"


async def test_the_way_back_in_the_browser_is_the_way_back_in_the_page(studio: Studio) -> None:
    page = await studio.visit()
    await page.get_by_role("button", name="sketches").click()
    await expect(page.locator(".header-name")).to_have_text("sketches")
    await page.go_back()
    await expect(page.locator(".header-name")).to_have_text("general")


async def test_nothing_reaches_out_of_a_narrow_screen(studio: Studio) -> None:
    page = await studio.visit(width=NARROW)
    await studio.sandbox.member("bob").send("W" * 300 + " https://example.com/" + "x" * 200)
    await run(page, "/gallery")
    await run(page, "/panel")
    await expect(messages(page, "The panel")).to_be_visible()
    assert await _fits(page)
    await page.get_by_role("button", name="Pick a paper").click()
    await expect(page.get_by_role("listbox")).to_be_in_viewport(ratio=1)
    await page.keyboard.press("Escape")
    await box(page).fill("/paint " + "prompt: " + "very " * 60)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Add style").click()
    await expect(option(page, "style")).to_be_in_viewport()
    assert await _fits(page)
    # The first closes the suggestions, the second leaves the command.
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await run(page, "/feedback")
    await expect(page.get_by_role("button", name="Submit")).to_be_in_viewport(ratio=1)
    assert await _fits(page)


async def test_the_channels_are_in_a_drawer_on_a_narrow_screen(studio: Studio) -> None:
    page = await studio.visit(width=NARROW)
    await expect(page.locator(".sidebar")).not_to_be_visible()
    await page.get_by_role("button", name="Channels", exact=True).click()
    await expect(page.locator(".nav-link[aria-current]")).to_be_focused()
    await page.get_by_role("button", name="sketches").click()
    await expect(page.locator(".header-name")).to_have_text("sketches")
    await expect(page.locator(".sidebar")).not_to_be_visible()


async def test_every_place_is_reached_with_tab(studio: Studio) -> None:
    page = await studio.visit()
    await studio.sandbox.member("bob").send("Hello")
    await expect(messages(page)).to_be_visible()
    await page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(16):
        await page.keyboard.press("Tab")
        reached.append(
            await page.evaluate(
                """() => {
                    const e = document.activeElement;
                    const style = getComputedStyle(e);
                    const ring = style.outlineStyle !== "none" || e.id === "composer-input";
                    return [e.className.toString().split(" ")[0], ring];
                }"""
            )
        )
    names = {name for name, _ in reached}
    assert {
        "skip-link",
        "nav-link",
        "identity-button",
        "icon-button",
        "composer-input",
    } <= names
    assert all(ring for name, ring in reached if name)
