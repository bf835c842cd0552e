"""Starting from a picture that is already there: by the menu, by a reply, by an upload."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from bot.sandbox import LocalFile, SeenMessage
from bot.uploads import Fetcher, Pointer
from generation.errors import BadImage
from generation.types import Task
from tests.bot.studio import Studio, is_result, is_unfinished


def picture() -> LocalFile:
    buffer = io.BytesIO()
    Image.new("RGB", (120, 60), "orange").save(buffer, "PNG")
    return LocalFile("sun.png", buffer.getvalue())


async def drawn(studio: Studio) -> SeenMessage:
    """The result of the one running job, which was asked for by a message."""
    await studio.until(lambda: bool(studio.backend._steps))
    studio.backend.advance(1000)
    return await studio.alice.wait_for(is_result)


async def test_the_menu_reimagines_anyones_picture(studio: Studio) -> None:
    message = await studio.bob.send("look", files=[picture()])
    use = await studio.alice.context_menu(message, "Reimagine…")
    form = await use.form()
    assert form.fields["strength"]["value"] == "0.6"
    submission = await studio.alice.submit(use, prompt="a sunset --seed 3", strength="0.35")
    result = await studio.finish(submission)
    job = await studio.only_job(studio.alice)
    assert job.request.params.task is Task.IMG2IMG
    assert job.request.params.width / job.request.params.height == pytest.approx(2, rel=0.05)
    assert all(part in result.text for part in ("a sunset", "strength 0.35", "Seed: 3"))


async def test_the_menu_reimagines_our_own_result(studio: Studio) -> None:
    result = await studio.imagine(studio.alice)
    use = await studio.bob.context_menu(result, "Reimagine…")
    submission = await studio.bob.submit(use, prompt="at night", strength="")
    await studio.finish(submission)
    assert (await studio.only_job(studio.bob)).request.params.task is Task.IMG2IMG


async def test_the_menu_says_where_there_is_no_picture(studio: Studio) -> None:
    message = await studio.bob.send("only words")
    use = await studio.alice.context_menu(message, "Reimagine…")
    assert "no picture" in (await use.answered()).text


async def test_a_wrong_strength_is_refused_with_the_prompt(studio: Studio) -> None:
    message = await studio.bob.send(files=[picture()])
    use = await studio.alice.context_menu(message, "Reimagine…")
    submission = await studio.alice.submit(use, prompt="a sunset", strength="a lot")
    refusal = await submission.answered()
    assert "number from 0 to 1" in refusal.text
    assert "a sunset" in refusal.text


async def test_naming_the_bot_in_a_message_draws(studio: Studio) -> None:
    await studio.alice.connect()
    bot = studio.sandbox.world.bot.id
    message = await studio.alice.send(f"<@{bot}> a lighthouse --seed 4")
    result = await drawn(studio)
    assert result.replies_to == message.id
    assert all(part in result.text for part in ("a lighthouse", "Seed: 4"))
    assert result.pinged == []


async def test_a_reply_to_our_picture_that_names_the_bot_starts_from_it(studio: Studio) -> None:
    first = await studio.imagine(studio.bob)
    await studio.alice.connect()
    await studio.alice.reply(first, f"<@{studio.sandbox.world.bot.id}> in the rain")
    await studio.until(lambda: bool(studio.backend._steps))
    assert (await studio.only_job(studio.alice)).request.params.task is Task.IMG2IMG


async def test_a_picture_uploaded_with_the_mention_is_started_from(studio: Studio) -> None:
    await studio.alice.connect()
    await studio.alice.send(f"<@{studio.sandbox.world.bot.id}> as ink", files=[picture()])
    await drawn(studio)
    assert (await studio.only_job(studio.alice)).request.params.task is Task.IMG2IMG


async def test_a_picture_that_discord_hides_from_us_is_explained(studio: Studio) -> None:
    await studio.alice.connect()
    message = await studio.bob.send("mine", files=[picture()])
    await studio.alice.reply(message, f"<@{studio.sandbox.world.bot.id}> as ink")
    told = await studio.alice.wait_for(lambda shown: "cannot see" in shown.text)
    assert "Reimagine…" in told.text
    assert await studio.jobs(studio.alice) == []


async def test_talk_about_a_picture_starts_nothing(studio: Studio) -> None:
    first = await studio.imagine(studio.bob)
    await studio.alice.connect()
    await studio.alice.reply(first, "that is beautiful")
    await studio.alice.send(f"<@{studio.sandbox.world.bot.id}> now this one")
    await drawn(studio)
    assert [job.request.params.prompt for job in await studio.jobs(studio.alice)] == [
        "now this one"
    ]


async def test_a_message_that_cannot_be_drawn_is_answered_with_the_reason(studio: Studio) -> None:
    await studio.alice.connect()
    message = await studio.alice.send(f"<@{studio.sandbox.world.bot.id}> a fox --steps 9000")
    told = await studio.alice.wait_for(lambda shown: "steps must be" in shown.text)
    assert told.replies_to == message.id


async def test_a_mention_over_the_limit_leaves_no_stale_answer(studio: Studio) -> None:
    await studio.alice.slash("limits set", limit="max_steps", value=5)
    await studio.bob.connect()
    await studio.bob.send(f"<@{studio.sandbox.world.bot.id}> a fox --steps 20")
    told = await studio.bob.wait_for(lambda shown: "limit here of 5" in shown.text)
    assert not is_unfinished(told)
    shown = await studio.bob.messages()
    assert not any("One moment" in message.text for message in shown)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/x.png",
        "https://discordapp.com.evil.example/x.png",
        "https://evil.example/cdn.discordapp.com/x.png",
        "https://cdn.discordapp.com@evil.example/x.png",
        "http://cdn.discordapp.com/x.png",
        "file:///etc/passwd",
        "attachment://x.png",
        "",
    ],
)
async def test_pictures_are_fetched_from_discord_alone(url: str) -> None:
    fetcher = Fetcher()
    with pytest.raises(BadImage, match="uploaded to Discord"):
        await fetcher.fetch(Pointer(url=url))
    await fetcher.aclose()
