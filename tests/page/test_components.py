"""Buttons, selects, forms and the parts of Components V2."""

from __future__ import annotations

import pytest
from playwright.async_api import FilePayload, expect

from tests.page.painter import picture
from tests.page.studio import Studio, box, messages, run

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _painted(studio: Studio) -> None:
    bob = await studio.visit("bob")
    await box(bob).fill("/paint prompt: a barn")
    await bob.keyboard.press("Enter")
    await bob.keyboard.press("Enter")
    await expect(messages(bob, "a barn in calm")).to_be_visible()


async def test_a_button_changes_its_message_for_everybody(studio: Studio) -> None:
    page = await studio.visit()
    await _painted(studio)
    await page.get_by_role("button", name="Varnish").click()
    for one in studio.pages:
        await expect(messages(one)).to_contain_text("Varnished.")
        await expect(one.get_by_role("button", name="Varnish")).to_be_disabled()


async def test_a_button_that_gets_no_answer_says_so_and_works_again(studio: Studio) -> None:
    page = await studio.visit()
    await _painted(studio)
    button = page.get_by_role("button", name="Ignore me")
    await button.click()
    await expect(button).to_have_attribute("aria-busy", "true")
    await expect(page.locator(".component-failure")).to_contain_text("did not respond")
    await expect(button).not_to_have_attribute("aria-busy", "true")


async def test_a_link_button_opens_elsewhere_without_telling_where_from(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/panel")
    link = page.get_by_role("link", name="Website")
    await expect(link).to_have_attribute("href", "https://example.com/")
    await expect(link).to_have_attribute("target", "_blank")
    await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(page.get_by_role("button", name="Worn out")).to_be_disabled()


async def test_a_select_sends_its_choice(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/panel")
    await page.get_by_role("button", name="Pick a paper").click()
    await page.get_by_role("option", name="Smooth").click()
    await expect(messages(page, "Paper: Smooth")).to_be_visible()


async def test_a_select_for_several_sends_them_once_it_is_closed(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/panel")
    await page.get_by_role("button", name="Pick pigments").focus()
    for key in ("ArrowDown", "Enter", "ArrowDown", "ArrowDown", "Enter"):
        await page.keyboard.press(key)
    await expect(page.get_by_role("option", selected=True)).to_have_text(["Ochre", "Viridian"])
    await page.keyboard.press("Escape")
    await expect(messages(page, "Pigments: Ochre, Viridian")).to_be_visible()
    await expect(page.get_by_role("button", name="Pick pigments")).to_be_focused()


async def test_a_user_select_lists_people(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/panel")
    await page.get_by_role("button", name="Pick a sitter").click()
    await page.get_by_role("option", name="Carol").click()
    await expect(messages(page, "Sitter: carol")).to_be_visible()


async def test_an_embed_shows_its_parts(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/panel")
    embed = page.locator(".embed")
    await expect(embed.locator(".embed-title")).to_have_text("The panel")
    await expect(embed.locator("strong")).to_have_text("knobs")
    await expect(embed.locator("dt")).to_have_text(["Light", "Easels"])
    await expect(embed.locator(".embed-footer")).to_have_text("Open day and night")
    assert await embed.evaluate("e => getComputedStyle(e).borderLeftColor") == "rgb(198, 154, 52)"


async def test_a_layout_shows_text_pictures_and_files(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/gallery")
    box_ = page.locator(".c-container")
    await expect(box_.get_by_role("heading", name="Three studies")).to_be_visible()
    await expect(box_.locator("em")).to_have_text("nobody in particular")
    await expect(box_.locator(".c-thumbnail img")).to_have_attribute("alt", "red")
    await expect(box_.locator(".gallery[data-count='3'] img")).to_have_count(3)
    await expect(box_.get_by_role("link", name="notes.txt", exact=True)).to_be_visible()
    loaded = "imgs => imgs.every(img => img.complete && img.naturalWidth === 64)"
    await page.wait_for_function(f"({loaded})([...document.querySelectorAll('.c-container img')])")


async def test_a_spoiler_stays_covered_until_it_is_pressed(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/gallery")
    cover = page.locator(".cover")
    await expect(cover.locator(".cover-content")).to_have_css("filter", "blur(36px) saturate(0.7)")
    await expect(cover.locator(".cover-content")).to_have_attribute("inert", "")
    hidden = page.get_by_role("button", name="Open picture: A hidden study")
    await page.get_by_role("button", name="Spoiler, press to reveal").press("Enter")
    await expect(hidden).to_be_focused()
    await expect(cover.locator(".cover-content")).to_have_css("filter", "none")


async def test_the_large_view_walks_the_pictures_and_gives_the_focus_back(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/gallery")
    first = page.get_by_role("button", name="Open picture: A red study")
    await first.press("Enter")
    view = page.get_by_role("dialog", name="Picture")
    await expect(view).to_contain_text("A red study")
    await page.keyboard.press("ArrowRight")
    await expect(view).to_contain_text("A blue study")
    # The picture under a spoiler is not among them.
    await expect(view).to_contain_text("of 3")
    await page.keyboard.press("Escape")
    await expect(view).to_have_count(0)
    await expect(first).to_be_focused()


async def test_a_form_sends_what_was_filled_in(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/feedback")
    form = page.get_by_role("dialog", name="What do you think?")
    await form.get_by_label("Your words").fill("Splendid work")
    await form.get_by_role("button", name="Grade").click()
    await page.get_by_role("option", name="Good").click()
    async with page.expect_file_chooser() as chooser:
        await form.get_by_role("button", name="Choose or drop up to 2 files").click()
    await (await chooser.value).set_files(
        [
            FilePayload(name=f"{n}.png", mimeType="image/png", buffer=picture((n, n, n)))
            for n in (1, 2)
        ]
    )
    await form.get_by_label("Grumpy").check()
    await form.get_by_label("May be quoted").check()
    await form.get_by_role("button", name="Submit").click()
    await expect(messages(page, "Thank you.")).to_contain_text("Only you can see this")
    await expect(form).to_have_count(0)
    assert studio.painter.used == [
        {
            "words": "Splendid work",
            "grade": ["Good"],
            "proof": ["1.png", "2.png"],
            "mood": "Grumpy",
            "public": True,
        }
    ]


async def test_a_form_says_what_is_missing_and_stays(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/feedback")
    form = page.get_by_role("dialog")
    await form.get_by_label("Your words").fill("Hm")
    await form.get_by_role("button", name="Submit").click()
    await expect(form.locator(".field-problem:not(:empty)")).to_have_text(
        ["Write at least 5 characters; these are 2.", "Choose one, please.", "Choose one, please."]
    )
    await expect(form.get_by_label("Your words")).to_be_focused()
    assert studio.painter.used == []


async def test_checkbox_groups_and_people_travel_in_forms_too(studio: Studio) -> None:
    page = await studio.visit()
    await run(page, "/survey")
    form = page.get_by_role("dialog")
    await expect(form.locator("strong")).to_have_text("kind")
    await form.get_by_label("Form").check()
    await form.get_by_role("button", name="Sitter").click()
    await page.get_by_role("option", name="Bob").click()
    await form.get_by_role("button", name="Submit").click()
    await expect(messages(page, "Thank you.")).to_be_visible()
    assert studio.painter.used == [{"topics": ["Form"], "sitters": ["bob"]}]


async def test_a_form_keeps_the_keyboard_inside_and_gives_it_back(studio: Studio) -> None:
    page = await studio.visit()
    await _painted(studio)
    await page.get_by_role("button", name="Rename").press("Enter")
    form = page.get_by_role("dialog", name="Rename the painting")
    await expect(form.get_by_label("Name")).to_be_focused()
    inside = "document.querySelector('dialog').contains(document.activeElement)"
    for _ in range(6):
        await page.keyboard.press("Tab")
        assert await page.evaluate(inside)
    await page.keyboard.press("Escape")
    await expect(form).to_have_count(0)
    await expect(page.get_by_role("button", name="Rename")).to_be_focused()


async def test_a_form_opened_by_a_button_reaches_the_bot(studio: Studio) -> None:
    page = await studio.visit()
    await _painted(studio)
    await page.get_by_role("button", name="Rename").click()
    await page.get_by_role("dialog").get_by_label("Name").fill("The barn")
    await page.keyboard.press("Enter")
    await expect(messages(page, "It is called The barn.")).to_be_visible()
