"""Slash commands: the picker, the option fields, their suggestions, and what becomes of a use."""

from __future__ import annotations

import pytest
from playwright.async_api import FilePayload, expect

from tests.page.painter import picture
from tests.page.studio import Studio, box, messages, option, run

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_empty_channel_offers_commands_to_try(studio: Studio) -> None:
    page = await studio.visit()
    await expect(page.locator(".welcome")).to_contain_text("Type /paint to begin")
    await page.locator(".invitation", has_text="/paint").click()
    await expect(option(page, "prompt")).to_be_focused()


async def test_the_keyboard_alone_runs_a_command(studio: Studio) -> None:
    page = await studio.visit()
    await expect(box(page)).to_be_focused()
    await page.keyboard.type("/pai")
    await expect(page.get_by_role("option", name="/paint")).to_have_attribute("data-active", "")
    await page.keyboard.press("Enter")
    await page.keyboard.type("a lighthouse")
    await page.keyboard.press("Enter")
    await expect(messages(page, "a lighthouse in calm, 20 steps")).to_be_visible()
    await expect(messages(page).locator(".message-context")).to_contain_text("Alice used /paint")
    assert studio.painter.used == [
        {
            "prompt": "a lighthouse",
            "style": "calm",
            "steps": 20,
            "strength": 0.5,
            "medium": None,
            "sketch": None,
            "critic": None,
        }
    ]
    await expect(box(page)).to_be_focused()


async def test_the_picker_names_the_active_command_to_screen_readers(studio: Studio) -> None:
    page = await studio.visit()
    await box(page).press_sequentially("/")
    await page.keyboard.press("ArrowDown")
    active = await box(page).get_attribute("aria-activedescendant")
    assert active is not None
    await expect(page.locator(f"#{active}")).to_have_attribute("data-active", "")
    await expect(box(page)).to_have_attribute("aria-expanded", "true")
    await page.keyboard.press("Escape")
    await expect(box(page)).to_have_attribute("aria-expanded", "false")


async def test_every_kind_of_option_reaches_the_bot(studio: Studio) -> None:
    page = await studio.visit()
    await box(page).press_sequentially("/paint a tower")
    for name in ("style", "steps", "strength", "critic", "private"):
        await page.get_by_role("button", name=f"Add {name}").click()
    await option(page, "style").fill("bo")
    await page.get_by_role("option", name="Bold").click()
    await option(page, "steps").fill("7")
    await option(page, "strength").fill("0.25")
    await option(page, "critic").fill("carol")
    await page.keyboard.press("Enter")
    await option(page, "private").fill("t")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Add sketch").click()
    sketch = picture((1, 2, 3))
    async with page.expect_file_chooser() as chooser:
        await page.locator(".option-file").click()
    file = FilePayload(name="sketch.png", mimeType="image/png", buffer=sketch)
    await (await chooser.value).set_files(file)
    await expect(page.locator(".option-file")).to_contain_text("sketch.png")
    await option(page, "prompt").press("Enter")
    await expect(messages(page, "a tower in bold, 7 steps")).to_contain_text("Only you can see")
    assert studio.painter.used == [
        {
            "prompt": "a tower",
            "style": "bold",
            "steps": 7,
            "strength": 0.25,
            "medium": None,
            "sketch": sketch,
            "critic": "carol",
        }
    ]


async def test_suggestions_come_from_the_bot_and_know_the_other_options(studio: Studio) -> None:
    page = await studio.visit()
    await box(page).press_sequentially("/paint dunes")
    await page.get_by_role("button", name="Add medium").click()
    await page.keyboard.type("wa")
    await expect(page.get_by_role("option")).to_have_text(["Watercolour", "Ink Wash"])
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(option(page, "medium")).to_have_value("Ink Wash")
    await page.keyboard.press("Enter")
    await expect(messages(page, "dunes in calm")).to_be_visible()
    assert {"asked": "wa", "prompt": "dunes"} in studio.painter.used
    assert studio.painter.used[-1]["medium"] == "ink wash"


async def test_typing_fast_asks_the_bot_once(studio: Studio) -> None:
    page = await studio.visit()
    await box(page).press_sequentially("/paint dunes")
    await page.get_by_role("button", name="Add medium").click()
    await page.keyboard.type("charc")
    await expect(page.get_by_role("option")).to_have_text(["Charcoal"])
    asked = [use["asked"] for use in studio.painter.used]
    assert asked[-1] == "charc"
    assert len(asked) <= 2


async def test_a_missing_required_option_is_pointed_out_and_nothing_is_sent(
    studio: Studio,
) -> None:
    page = await studio.visit()
    await run(page, "/paint")
    await expect(page.locator(".option-problem")).to_have_text(
        "Fill in prompt; the command needs it."
    )
    await expect(option(page, "prompt")).to_be_focused()
    await expect(option(page, "prompt")).to_have_attribute("aria-invalid", "true")
    assert studio.painter.used == []


async def test_a_value_out_of_bounds_is_explained(studio: Studio) -> None:
    page = await studio.visit()
    await box(page).press_sequentially("/paint x")
    for name, text, problem in (
        ("steps", "soon", "Write a whole number, such as 20."),
        ("steps", "51", "Write a number of at most 50."),
        ("strength", "-1", "Write a number of at least 0."),
        ("style", "loud", "Choose one from the list."),
        ("critic", "nobody", "Choose one from the list."),
    ):
        await page.get_by_role("button", name=f"Add {name}").click()
        await option(page, name).fill(text)
        await page.keyboard.press("Enter")
        await expect(page.locator(".option-problem")).to_have_text(problem)
        await page.get_by_role("button", name=f"Remove {name}").click()
    assert studio.painter.used == []


async def test_a_pasted_command_line_fills_the_options(studio: Studio) -> None:
    page = await studio.visit()
    await box(page).fill("/paint prompt: two boats: red steps: 9")
    await page.keyboard.press("Enter")
    await expect(option(page, "prompt")).to_have_value("two boats: red")
    await expect(option(page, "steps")).to_have_value("9")


async def test_subcommands_are_found_and_run(studio: Studio) -> None:
    page = await studio.visit()
    await box(page).press_sequentially("/set")
    await page.get_by_role("option", name="/limits set").click()
    await page.keyboard.type("4")
    await page.keyboard.press("Enter")
    await expect(messages(page, "At most 4.")).to_be_visible()


async def test_escape_and_backspace_lead_out_of_a_command(studio: Studio) -> None:
    page = await studio.visit()
    await box(page).press_sequentially("/paint a")
    await page.get_by_role("button", name="Add steps").click()
    await page.keyboard.press("Backspace")
    await expect(option(page, "steps")).to_have_count(0)
    await expect(option(page, "prompt")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(box(page)).to_be_focused()


async def test_a_dropped_picture_fills_the_attachment_option(studio: Studio) -> None:
    page = await studio.visit()
    await box(page).press_sequentially("/paint a copy")
    await page.evaluate(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "drop.png", {type: "image/png"}));
            for (const name of ["dragenter", "dragover", "drop"])
                document.querySelector(".main").dispatchEvent(
                    new DragEvent(name, {bubbles: true, cancelable: true, dataTransfer: transfer}));
        }""",
        list(picture((9, 9, 9))),
    )
    await expect(page.locator(".option-file")).to_contain_text("drop.png")
    await option(page, "prompt").press("Enter")
    await expect(messages(page, "a copy in calm")).to_be_visible()
    assert studio.painter.used[-1]["sketch"] == picture((9, 9, 9))


async def test_a_command_without_an_answer_says_so(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/silent")
    await expect(page.locator(".pending")).to_contain_text("Sending command…")
    await expect(page.locator(".pending .failure")).to_contain_text(
        "The application did not respond"
    )
    await page.locator(".pending").get_by_role("button", name="Dismiss").click()
    await expect(page.locator(".pending")).to_have_count(0)


async def test_a_deferred_answer_is_shown_as_thinking_until_it_comes(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/slow")
    await expect(messages(page)).to_contain_text("studio-bot is thinking…")
    studio.painter.release.set()
    await expect(messages(page)).to_contain_text("Done thinking.")
    await expect(page.locator(".thinking")).to_have_count(0)


async def test_only_the_asker_sees_a_private_answer_and_can_dismiss_it(studio: Studio) -> None:
    alice = await studio.visit("alice")
    bob = await studio.visit("bob")
    await run(alice, "/whisper")
    await expect(messages(alice, "Between you and me.")).to_contain_text("Only you can see this")
    await run(alice, "/gallery")
    await expect(messages(bob, "Three studies")).to_be_visible()
    await expect(messages(bob, "Between you and me.")).to_have_count(0)
    await messages(alice, "Between you").get_by_role("button", name="Dismiss").click()
    await expect(messages(alice, "Between you")).to_have_count(0)
    await alice.reload()
    await expect(messages(alice, "Three studies")).to_be_visible()
    await expect(messages(alice, "Between you")).to_have_count(0)
