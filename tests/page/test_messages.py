"""Writing, replying, the message menu, and how the log behaves while one reads."""

from __future__ import annotations

import json
import re

import pytest
from playwright.async_api import FilePayload, Page, WebSocketRoute, expect

from tests.page.painter import picture
from tests.page.studio import Studio, box, messages, option

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_END = "e => e.scrollHeight - e.scrollTop - e.clientHeight < 2"


async def _say(page: Page, text: str) -> None:
    await box(page).fill(text)
    await page.keyboard.press("Enter")
    await expect(box(page)).to_have_value("")


async def test_a_message_of_several_lines_reaches_the_others(studio: Studio) -> None:
    alice = await studio.visit("alice")
    bob = await studio.visit("bob")
    await box(alice).press_sequentially("One")
    await alice.keyboard.press("Shift+Enter")
    await box(alice).press_sequentially("Two")
    await alice.keyboard.press("Enter")
    await expect(messages(bob)).to_contain_text("One\nTwo")
    await expect(box(alice)).to_have_value("")


async def test_files_are_shown_before_they_are_sent_and_can_be_taken_back(studio: Studio) -> None:
    page = await studio.visit()
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Attach files").click()
    await (await chooser.value).set_files(
        [
            FilePayload(name="a.png", mimeType="image/png", buffer=picture((5, 5, 5))),
            FilePayload(name="b.txt", mimeType="text/plain", buffer=b"words"),
            FilePayload(name="c.txt", mimeType="text/plain", buffer=b"more"),
        ]
    )
    await page.get_by_role("button", name="Remove c.txt").click()
    await expect(page.locator(".tray-name")).to_have_text(["a.png", "b.txt"])
    await page.keyboard.press("Enter")
    await expect(messages(page).locator("button.media")).to_have_count(1)
    await expect(messages(page).get_by_role("link", name="b.txt", exact=True)).to_be_visible()
    await expect(page.locator(".tray")).to_be_hidden()


async def test_a_pasted_picture_is_attached(studio: Studio) -> None:
    page = await studio.visit()
    await box(page).evaluate(
        """(box, bytes) => {
            const clipboardData = new DataTransfer();
            clipboardData.items.add(
                new File([new Uint8Array(bytes)], "image.png", {type: "image/png"}));
            box.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true}));
        }""",
        list(picture((7, 7, 7))),
    )
    await expect(page.locator(".tray-name")).to_contain_text("pasted-")
    await page.keyboard.press("Enter")
    await expect(messages(page).locator("button.media")).to_have_count(1)


async def test_a_reply_quotes_what_it_answers_and_leads_back_to_it(studio: Studio) -> None:
    page = await studio.visit()
    await studio.sandbox.member("bob").send("> Which **blue**?")
    await messages(page, "Which").hover()
    await messages(page, "Which").get_by_role("button", name="Reply").click()
    await expect(page.locator(".reply-bar")).to_contain_text("Replying to Bob")
    await _say(page, "Cobalt")
    quote = messages(page, "Cobalt").locator(".message-context")
    await expect(quote).to_have_accessible_name("In reply to Bob: Which blue?")
    await quote.click()
    await expect(messages(page, "Which").first).to_be_focused()


async def test_the_menu_runs_the_bots_message_commands(studio: Studio) -> None:
    page = await studio.visit()
    await _say(page, "A still life")
    await messages(page).click(button="right")
    await page.get_by_role("menuitem", name="Describe").click()
    await expect(messages(page, "It says: A still life")).to_contain_text("used Describe")


async def test_the_menu_opens_by_keyboard_and_by_touch(studio: Studio) -> None:
    page = await studio.visit()
    await _say(page, "Hello")
    await page.keyboard.press("ArrowUp")
    await expect(messages(page)).to_be_focused()
    await page.keyboard.press("Shift+F10")
    await expect(page.get_by_role("menu")).to_be_visible()
    await page.keyboard.press("End")
    await expect(page.get_by_role("menuitem", name="Delete")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(messages(page)).to_be_focused()
    phone = await studio.visit("bob", width=360, touch=True)
    await messages(phone).get_by_role("button", name="More actions").tap()
    await expect(phone.get_by_role("menuitem", name="Reply")).to_be_visible()


async def test_the_menu_copies_text_id_and_json(studio: Studio) -> None:
    page = await studio.visit()
    await _say(page, "**bold**")
    copied = {}
    for name in ("Copy text", "Copy message ID", "Copy as JSON"):
        await messages(page).click(button="right")
        await page.get_by_role("menuitem", name=name).click()
        await expect(page.locator(".toast").last).to_contain_text("copied")
        await page.locator(".toast").last.click()
        copied[name] = await page.evaluate("navigator.clipboard.readText()")
    assert copied["Copy text"] == "**bold**"
    assert json.loads(copied["Copy as JSON"])["id"] == copied["Copy message ID"]


async def test_deleting_is_for_ones_own_messages_unless_one_is_an_admin(studio: Studio) -> None:
    bob = await studio.visit("bob")
    await _say(bob, "Mine")
    await studio.sandbox.member("carol").send("Not mine")
    await messages(bob, "Not mine").click(button="right")
    await expect(bob.get_by_role("menuitem", name="Delete")).to_have_count(0)
    await bob.keyboard.press("Escape")
    await messages(bob, "Mine").first.click(button="right")
    await bob.get_by_role("menuitem", name="Delete").click()
    await expect(messages(bob)).to_have_count(1)
    alice = await studio.visit("alice")
    await messages(alice, "Not mine").click(button="right")
    await alice.get_by_role("menuitem", name="Delete").click()
    await expect(messages(bob)).to_have_count(0)


async def test_an_edited_message_is_marked(studio: Studio) -> None:
    page = await studio.visit()
    await _say(page, "Frist")
    await messages(page).click(button="right")
    await page.get_by_role("menuitem", name="Edit").click()
    await page.get_by_role("dialog").get_by_label("Message").fill("First")
    await page.get_by_role("button", name="Save").click()
    await expect(messages(page).locator(".message-content")).to_have_text("First (edited)")


async def test_reactions_count_and_can_be_taken_back(studio: Studio) -> None:
    alice = await studio.visit("alice")
    bob = await studio.visit("bob")
    await _say(alice, "Look")
    await messages(bob).click(button="right")
    await bob.get_by_role("menuitem", name="React with 🎨").click()
    mark = alice.get_by_role("button", name="🎨, 1")
    await expect(mark).to_have_attribute("aria-pressed", "false")
    await mark.click()
    await expect(bob.get_by_role("button", name="🎨, 2")).to_be_visible()
    await alice.get_by_role("button", name="🎨, 2").click()
    await expect(bob.get_by_role("button", name="🎨, 1")).to_be_visible()


async def test_a_thread_begins_at_a_message(studio: Studio) -> None:
    page = await studio.visit()
    await _say(page, "Let us talk")
    await messages(page).click(button="right")
    await page.get_by_role("menuitem", name="Create thread").click()
    await page.get_by_role("dialog").get_by_label("Name").fill("talk")
    await page.keyboard.press("Enter")
    await expect(page.locator(".header-name")).to_have_text("talk")
    await expect(page.locator(".nav-link[aria-current]")).to_contain_text("talk")


async def test_others_see_that_one_is_typing(studio: Studio) -> None:
    alice = await studio.visit("alice")
    bob = await studio.visit("bob")
    await box(alice).press_sequentially("Hm")
    await expect(bob.locator(".typing-line")).to_have_text("Alice is typing…")
    await alice.keyboard.press("Enter")
    await expect(bob.locator(".typing-line")).to_be_empty()


async def test_new_messages_do_not_move_somebody_who_reads_further_up(studio: Studio) -> None:
    bob = studio.sandbox.member("bob")
    for n in range(40):
        await bob.send(f"Line {n}")
    page = await studio.visit()
    log = page.get_by_role("log")
    await expect(messages(page, "Line 39")).to_be_visible()
    assert await log.evaluate(AT_END)
    await log.evaluate("e => { e.scrollTop = 400 }")
    await expect(page.locator(".jump")).to_be_visible()
    await expect(page.locator(".jump")).to_have_text("Latest messages")
    before = await log.evaluate("e => e.scrollTop")
    await bob.send("And another")
    await expect(page.locator(".jump")).to_have_text("1 new message")
    assert await log.evaluate("e => e.scrollTop") == before
    await page.locator(".jump").click()
    await expect(messages(page, "And another")).to_be_in_viewport()
    await expect(page.locator(".jump")).to_be_hidden()


async def test_older_messages_are_fetched_as_one_scrolls_up(studio: Studio) -> None:
    bob = studio.sandbox.member("bob")
    for n in range(70):
        await bob.send(f"Line {n}.")
    page = await studio.visit()
    await expect(messages(page, "Line 69.")).to_be_visible()
    await expect(messages(page, "Line 3.")).to_have_count(0)
    await page.get_by_role("log").evaluate("e => { e.scrollTop = 0 }")
    await expect(messages(page, "Line 3.")).to_have_count(1)
    await expect(page.locator("article.message")).to_have_count(70)
    texts = await page.locator(".message-content").all_inner_texts()
    assert texts == [f"Line {n}." for n in range(70)]


async def test_the_page_finds_its_way_back_after_the_connection_was_lost(studio: Studio) -> None:
    page = await studio.visit()
    connections: list[WebSocketRoute] = []

    def pass_on(connection: WebSocketRoute) -> None:
        connections.append(connection)
        connection.connect_to_server()

    await page.route_web_socket(re.compile("/sandbox/api/socket"), pass_on)
    await page.reload()
    await box(page).press_sequentially("/paint unfinished")
    await connections[0].close()
    await expect(page.locator(".composer-note")).to_have_text("Reconnecting to the sandbox…")
    await studio.sandbox.member("bob").send("Still there?")
    await expect(messages(page, "Still there?")).to_be_visible()
    await expect(page.locator(".composer-note")).to_be_empty()
    assert len(connections) == 2
    await expect(option(page, "prompt")).to_have_value("unfinished")


async def test_the_bots_absence_is_told(studio: Studio) -> None:
    page = await studio.visit()
    await expect(page.locator(".header-bot")).to_have_text("studio-bot is online")
    studio.painter.release.set()
    await studio.painter.close()
    await expect(page.locator(".header-bot")).to_have_text("studio-bot is offline")
    await expect(page.locator(".composer-note")).to_contain_text("is offline")


async def test_the_log_keeps_the_focus_on_a_button_through_an_update(studio: Studio) -> None:
    page = await studio.visit()
    await box(page).fill("/paint prompt: a barn")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Rename").focus()
    bob = await studio.visit("bob")
    await bob.get_by_role("button", name="Varnish").click()
    await expect(messages(page, "Varnished.")).to_be_visible()
    await expect(page.get_by_role("button", name="Rename")).to_be_focused()
