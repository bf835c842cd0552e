"""What people and bots write is shown, never run; and markdown is drawn as it should."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.page.painter import picture
from tests.page.studio import Studio, messages

pytestmark = pytest.mark.asyncio(loop_scope="session")

ATTACKS = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "**<svg onload='window.hacked = 1'>**",
    "[click](javascript:window.hacked=1)",
    "<javascript:window.hacked=1>",
    "||<iframe srcdoc='<script>parent.hacked = 1</script>'>||",
    "```html\n<script>window.hacked = 1</script>\n```",
    "<t:99999999999999999999:R> <t:-1:Q> <@1' onmouseover='window.hacked=1'>",
)


async def _clean(page: Page) -> bool:
    result = await page.evaluate(
        """() => window.hacked === undefined && ![...document.querySelectorAll(
            "script:not([src]), iframe, object, a[href^='javascript']")].length
            && ![...document.querySelectorAll("*")].some(
                e => [...e.attributes].some(a => a.name.startsWith("on")))"""
    )
    return bool(result)


async def test_markup_in_messages_stays_text(studio: Studio) -> None:
    page = await studio.visit()
    for attack in ATTACKS:
        await studio.sandbox.member("bob").send(attack)
    await expect(messages(page)).to_have_count(len(ATTACKS))
    await expect(messages(page).first.locator(".message-content")).to_have_text(ATTACKS[0])
    for cover in await page.locator(".spoiler").all():
        await cover.click()
    assert await _clean(page)


async def test_markup_in_names_stays_text(studio: Studio) -> None:
    user = studio.sandbox.world.user_named("bob")
    user.global_name = "<img src=x onerror='window.hacked=1'>"
    page = await studio.visit()
    await studio.sandbox.member("bob").send("Hi")
    await expect(messages(page).locator(".message-author")).to_have_text(user.global_name)
    await page.get_by_role("button", name="Acting as Alice").click()
    await expect(page.get_by_role("menuitemradio").nth(1)).to_contain_text("<img src=x")
    assert await _clean(page)


async def test_markup_in_file_names_stays_text(studio: Studio) -> None:
    page = await studio.visit()
    name = "<img src=x onerror=window.hacked=1>.png"
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Attach files").click()
    await (await chooser.value).set_files(
        [
            FilePayload(name=name, mimeType="image/png", buffer=picture((1, 1, 1))),
            FilePayload(name="page.html", mimeType="text/html", buffer=b"<script>1</script>"),
        ]
    )
    await expect(page.locator(".tray-name").first).to_have_text(name)
    await page.keyboard.press("Enter")
    await expect(messages(page).locator("button.media")).to_be_visible()
    await expect(messages(page).get_by_role("link", name="page.html", exact=True)).to_be_visible()
    assert await _clean(page)


async def test_the_page_may_not_run_what_it_did_not_bring(studio: Studio) -> None:
    page = await studio.visit()
    policy = await page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy is not None
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


MARKDOWN = {
    "**bold** *it* _it_": "<strong>bold</strong> <em>it</em> <em>it</em>",
    "__under__ ~~gone~~": "<u>under</u> <s>gone</s>",
    "***both***": "<strong><em>both</em></strong>",
    "**a *b* c**": "<strong>a <em>b</em> c</strong>",
    r"\*not\* snake_case_name 2 * 3 * 4": "*not* snake_case_name 2 * 3 * 4",
    "`a **b**`": '<code class="md-code">a **b**</code>',
    "-# small": '<small class="md-subtext">small</small>',
    "> a\n> b\nc": "<blockquote>a\nb</blockquote>c",
    "#nothing": "#nothing",
    "a < b & c > d": "a &lt; b &amp; c &gt; d",
    "**open": "**open",
    "@everyone": '<span class="mention">@everyone</span>',
    "[x](javascript:alert())": "[x](javascript:alert())",
    "- a\n\n- b": '<ul class="md-list"><li>a</li></ul>\n<ul class="md-list"><li>b</li></ul>',
}


async def test_markdown_becomes_elements(studio: Studio) -> None:
    page = await studio.visit()
    drawn = await page.evaluate(
        """async sources => {
            const { markdown } = await import("/static/js/markdown.js");
            const context = { key: "", me: "", isRevealed: () => false };
            return Object.fromEntries(sources.map(source => {
                const holder = document.createElement("div");
                holder.append(markdown(source, context));
                return [source, holder.innerHTML];
            }));
        }""",
        list(MARKDOWN),
    )
    assert drawn == MARKDOWN


@pytest.mark.timeout(40)
async def test_hostile_markdown_does_not_hang_the_page(studio: Studio) -> None:
    page = await studio.visit()
    hostile = [
        "*a" * 2000,
        "||" * 2000,
        "[" * 4000,
        "`" * 3999 + "a",
        "*`" * 2000,
        "".join("`" * n + " " for n in range(88)),
        "> " * 2000,
        "**_~~" * 800,
    ]
    lengths = await page.evaluate(
        """async sources => {
            const { markdown } = await import("/static/js/markdown.js");
            const context = { key: "", me: "", isRevealed: () => false };
            return sources.map(source => markdown(source, context).textContent.length);
        }""",
        hostile,
    )
    assert len(lengths) == len(hostile)


async def test_longer_markdown_keeps_its_shape(studio: Studio) -> None:
    page = await studio.visit()
    people = studio.sandbox.world
    alice, general = people.user_named("alice").id, studio.sandbox.channel("general").id
    await studio.sandbox.member("bob").send(
        f"# Head\n- one\n  - inner\n- two\n1. first\n```py\nx = '<b>'\n```\n"
        f"<@{alice}> in <#{general}> [here](https://example.com/a_(b)) <https://example.com/c>, "
        f"https://example.com/d. <t:0:D> ||hidden||"
    )
    text = messages(page).locator(".message-content")
    await expect(text.get_by_role("heading", name="Head")).to_be_visible()
    await expect(text.locator("ul > li > ul > li")).to_have_text("inner")
    await expect(text.locator("ol > li")).to_have_text("first")
    await expect(text.locator("pre")).to_have_text("x = '<b>'")
    await expect(text.locator(".mention")).to_have_text(["@Alice", "#general"])
    links = [await a.get_attribute("href") for a in await text.locator("a").all()]
    assert links == [f"https://example.com/{end}" for end in ("a_(b)", "c", "d")]
    await expect(text.locator("time")).to_have_text("1 January 1970")
    spoiler = text.get_by_role("button", name="Spoiler, press to reveal")
    await expect(spoiler.locator(".spoiler-text")).to_have_css("opacity", "0")
    await spoiler.press("Enter")
    await expect(text.locator(".spoiler[data-open] .spoiler-text")).to_have_css("opacity", "1")


async def test_a_relative_time_keeps_itself_current(studio: Studio) -> None:
    page = await studio.visit(frozen=True)
    at = await page.evaluate("Math.floor(Date.now() / 1000) + 90")
    await studio.sandbox.member("bob").send(f"Ready <t:{at}:R>")
    stamp = messages(page).locator("time.timestamp")
    await expect(stamp).to_have_text("in 1 minute")
    await page.clock.run_for(60_000)
    await expect(stamp).to_have_text(re.compile(r"in \d\d seconds"))
