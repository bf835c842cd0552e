"""Apps → "Use these settings": from our own pictures, from other programs', and from none."""

from __future__ import annotations

import pytest
from aiohttp import web

from bot import intake
from bot.sandbox import LocalFile, SeenMessage, Use
from bot.uploads import Fetcher, Pointer
from generation.infotext import find_text
from tests.bot.studio import Studio
from tests.generation.infotext import pictures

MENU = "Use these settings"

FOREIGN = """\
a heron, <lora:wings:0.8>
Negative prompt: text
Steps: 12, Sampler: dpmpp_2m_karras, CFG scale: 6, Seed: 99, Size: 256x128, \
Model hash: 0badcafe, Model: someone_elses, Version: v1.10.1"""


async def posted(studio: Studio, data: bytes, name: str = "p.png") -> SeenMessage:
    return await studio.bob.send("look", files=[LocalFile(name, data)])


async def values(use: Use) -> dict[str, str]:
    form = await use.form()
    return {name: str(field.get("value") or "") for name, field in form.fields.items()}


async def test_our_own_picture_leads_to_the_same_job_again(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "a fox", seed=7, steps=5, negative_prompt="text")
    await studio.bob.connect()
    use = await studio.bob.context_menu(result, MENU)
    await studio.finish(await studio.bob.submit(use, **await values(use)))
    theirs, ours = await studio.only_job(studio.bob), await studio.only_job(studio.alice)
    assert theirs.request.params == ours.request.params
    assert theirs.request.parent == ours.id


async def test_our_own_picture_works_when_its_job_is_forgotten(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "a fox", seed=7, steps=5)
    params = (await studio.only_job(studio.alice)).request.params
    await studio.queue.forget_ended_before(studio.clock.now() + 1)
    use = await studio.bob.context_menu(result, MENU)
    await studio.finish(await studio.bob.submit(use, **await values(use)))
    assert (await studio.only_job(studio.bob)).request.params == params


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.png", pictures.png_as_webuis_do(FOREIGN)),
        ("a.jpg", pictures.jpeg(FOREIGN)),
        ("a.webp", pictures.webp(FOREIGN)),
    ],
    ids=["png", "jpeg", "webp"],
)
async def test_another_programs_picture_fills_the_form_and_says_what_is_missing(
    studio: Studio, name: str, data: bytes
) -> None:
    use = await studio.alice.context_menu(await posted(studio, data, name), MENU)
    form = await use.form()
    assert form.fields["prompt"]["value"] == "a heron"
    assert form.fields["negative_prompt"]["value"] == "text"
    settings = str(form.fields["settings"]["value"])
    assert all(flag in settings for flag in ("--steps 12", "--seed 99", "--width 256", "--cfg 6"))
    assert "“someone_elses” is not here" in form.text
    assert "“wings”" in form.text


async def test_what_was_filled_in_can_be_changed_and_drawn(studio: Studio) -> None:
    message = await posted(studio, pictures.png_as_webuis_do(FOREIGN))
    use = await studio.alice.context_menu(message, MENU)
    filled = await values(use)
    result = await studio.finish(await studio.alice.submit(use, **filled | {"prompt": "an egret"}))
    assert all(part in result.text for part in ("an egret", "12 steps", "Seed: 99"))
    params = (await studio.only_job(studio.alice)).request.params
    assert (params.width, params.height, params.negative_prompt) == (256, 128, "text")


async def test_the_first_picture_with_settings_counts(studio: Studio) -> None:
    files = [
        LocalFile("plain.png", pictures.plain()),
        LocalFile("made.png", pictures.png_as_webuis_do("a heron\nSteps: 3, Seed: 4, Size: 64x64")),
    ]
    message = await studio.bob.send("two", files=files)
    use = await studio.alice.context_menu(message, MENU)
    assert (await values(use))["prompt"] == "a heron"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (pictures.plain(), "no settings in that picture"),
        (b"\x89PNG\r\n\x1a\n", "no settings in that picture"),
        (pictures.png_with((b"tEXt", b"workflow\0{}")), "workflow of ComfyUI"),
        (pictures.png_as_webuis_do('{"prompt": "a cat"}'), "no settings in that picture"),
    ],
    ids=["plain", "damaged", "workflow", "json"],
)
async def test_a_picture_without_settings_is_answered_with_one_sentence(
    studio: Studio, data: bytes, sentence: str
) -> None:
    use = await studio.alice.context_menu(await posted(studio, data), MENU)
    told = await use.answered()
    assert told.ephemeral
    assert sentence in told.text


async def test_a_message_without_a_picture_is_answered_so(studio: Studio) -> None:
    use = await studio.alice.context_menu(await studio.bob.send("only words"), MENU)
    assert "no picture in that message" in (await use.answered()).text


async def test_a_private_job_is_not_told_to_others(studio: Studio) -> None:
    """Its buttons do not lead there; the file, which whoever sees the message has, still does."""
    await studio.imagine(studio.alice, "a secret", private=True)
    job = await studio.only_job(studio.alice)
    message = await studio.show_button(f"easel:1:again:{job.id}")
    use = await studio.bob.context_menu(message, MENU)
    assert "no picture" in (await use.answered()).text


async def test_a_forged_button_of_another_author_leads_nowhere(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "a fox")
    quoted = await studio.bob.send(f"easel:1:again:{(await studio.only_job(studio.alice)).id}")
    use = await studio.bob.context_menu(quoted, MENU)
    assert "no picture" in (await use.answered()).text
    assert result.pictures


async def test_a_form_full_of_the_longest_values_is_one_that_discord_takes(studio: Studio) -> None:
    text = f"{'🦊' * 3000}\nNegative prompt: {'🐍' * 3000}\nSteps: 3, Seed: 4, Model: {'m' * 900}"
    message = await posted(studio, pictures.png_itxt(text, packed=True))
    form = await (await studio.alice.context_menu(message, MENU)).form()
    assert "cut to 2,000 characters" in form.text


async def test_only_as_much_of_a_file_is_fetched_as_is_needed() -> None:
    """The settings stand at its beginning, and the rest may be long."""
    sent = 0

    async def slow(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            for piece in [pictures.png_as_webuis_do("a heron"), *[bytes(64 * 1024)] * 200]:
                await answer.write(piece)
                sent += len(piece)
        except ConnectionError:
            pass
        return answer

    app = web.Application()
    app.router.add_get("/p.png", slow)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    home = f"http://127.0.0.1:{runner.addresses[0][1]}"
    fetcher = Fetcher(home=home)
    head = await fetcher.fetch(
        Pointer(url=f"{home}/p.png"), lambda data: find_text(data) is not None
    )
    assert find_text(head) == "a heron"
    assert len(head) < 1024 * 1024
    await fetcher.aclose()
    await runner.cleanup()


async def test_a_file_that_does_not_come_in_time_is_answered_before_discord_gives_up(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_READING_SECONDS", 0.0)
    message = await posted(studio, pictures.png_as_webuis_do(FOREIGN))
    use = await studio.alice.context_menu(message, MENU)
    assert "not be fetched in time" in (await use.answered()).text
