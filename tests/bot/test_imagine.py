from __future__ import annotations

import io

import pytest
from PIL import Image

from bot.sandbox import ActionRefused, Fault, LocalFile, SeenMessage
from bot.sandbox.client import OptionValue
from generation.backends.scripted import Twist
from generation.types import Task
from tests.bot.studio import Studio, is_result, is_unfinished


def picture(size: tuple[int, int] = (96, 64)) -> LocalFile:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, "PNG")
    return LocalFile("sea.png", buffer.getvalue())


async def test_a_member_gets_the_picture_in_the_answer_to_the_command(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "a small fox", seed=7, count=2)
    assert len(result.pictures) == 2
    assert all(part in result.text for part in ("a small fox", "Seeds: 7, 8", "512×512", "8 steps"))
    assert [file.description for file in result.attachments] == [] or result.pictures
    first = next(item for item in result.components if item.get("items"))
    assert "a small fox" in str(first)


async def test_the_picture_carries_no_word_of_the_prompt_in_its_name(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "secret plans")
    assert "secret" not in result.attachments[0].filename
    assert result.attachments[0].filename.endswith(".png")


async def test_flags_in_the_prompt_count_like_options(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "a fox --no text --seed 5 --steps 3")
    assert all(part in result.text for part in ("Without: text", "Seed: 5", "3 steps"))
    assert "--" not in result.text


async def test_a_private_answer_is_seen_by_its_owner_alone(studio: Studio) -> None:
    await studio.bob.connect()
    result = await studio.imagine(studio.alice, private=True)
    assert result.ephemeral
    assert result.pictures
    assert result.id not in studio.bob.seen


async def test_a_spoiler_is_covered_and_its_file_as_well(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, spoiler=True)
    gallery = next(item for item in result.components if item.get("items"))
    assert '"spoiler": true' in str(gallery).replace("'", '"').replace("True", "true")
    assert result.attachments[0].spoiler


async def test_an_impossible_option_is_refused_to_the_member_alone(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox --sampler nosuch --seed 3")
    refusal = await use.answered()
    assert refusal.ephemeral
    assert "There is no sampler" in refusal.text
    assert await studio.jobs(studio.alice) == []


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"prompt": "   "}, "prompt"),
        ({"prompt": "fox " * 1000}, "prompt"),
        ({"prompt": "a fox --stylize 100"}, "--stylize"),
        ({"negative_prompt": "fog " * 1000}, "negative"),
        ({"model": "nosuch"}, "model"),
        ({"aspect_ratio": "wide"}, "aspect ratio"),
        ({"aspect_ratio": "100:1"}, "aspect ratio"),
        ({"width": 511}, "width"),
        ({"height": 9000}, "height"),
        ({"steps": 0}, "steps"),
        ({"guidance_scale": 99.0}, "guidance"),
        ({"sampler": "nosuch"}, "sampler"),
        ({"scheduler": "nosuch"}, "scheduler"),
        ({"seed": -7}, "seed"),
        ({"count": 99}, "count"),
        ({"strength": 0.5}, "strength"),
        ({"image": LocalFile("sea.gif", b"GIF89a")}, "picture"),
    ],
)
async def test_bad_input_is_refused_by_name_and_queues_nothing(
    studio: Studio, options: dict[str, OptionValue], names: str
) -> None:
    wish: dict[str, OptionValue] = {"prompt": "a fox"} | options
    try:
        use = await studio.alice.slash("imagine", channel=None, attachment_size_limit=None, **wish)
        said = (await use.message_where(lambda message: not message.loading)).text
    except ActionRefused as error:  # Discord's own client already keeps it from being sent
        said = str(error)
    assert names in said.casefold()
    assert await studio.jobs(studio.alice) == []


async def test_a_refusal_gives_the_whole_prompt_back(studio: Studio) -> None:
    prompt = "fox " * 600 + "--steps 9000"
    use = await studio.alice.slash("imagine", prompt=prompt)
    assert prompt in (await use.answered()).text


async def test_a_limit_takes_the_place_of_the_thinking_answer(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox", width=2048, height=64)
    refusal = await use.message_where(lambda message: "limit" in message.text)
    assert "2048×64 is larger than the limit here of 1024" in refusal.text
    assert "a fox" in refusal.text
    assert not refusal.loading


async def test_nothing_is_queued_when_the_acknowledgement_was_not_taken(studio: Studio) -> None:
    fault = studio.sandbox.fault(
        Fault(kind="api_error", route="/callback", status=404, code=10062, message="Unknown")
    )
    await studio.alice.slash("imagine", prompt="a fox")
    await studio.until(lambda: fault.hits == 1)
    result = await studio.imagine(studio.alice, "a hare")
    assert is_result(result)
    assert [job.request.params.prompt for job in await studio.jobs(studio.alice)] == ["a hare"]


async def test_it_works_in_a_thread_an_age_restricted_channel_and_private_messages(
    studio: Studio,
) -> None:
    for channel in ("sketches", "after-dark", "dm"):
        use = await studio.alice.slash("imagine", prompt="a fox", channel=channel)
        assert (await studio.finish(use)).pictures
    scopes = {job.request.scope for job in await studio.jobs(studio.alice)}
    assert scopes == {f"guild:{studio.sandbox.guild.id}", f"user:{studio.alice.id}"}


async def test_a_picture_can_be_started_from(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "waves", image=picture(), strength=0.4)
    job = await studio.only_job(studio.alice)
    assert job.request.params.task is Task.IMG2IMG
    assert job.request.params.width > job.request.params.height
    assert "strength 0.4" in result.text


async def test_a_file_that_is_no_picture_is_refused_at_once(studio: Studio) -> None:
    file = LocalFile("notes.txt", b"hello")
    use = await studio.alice.slash("imagine", prompt="waves", image=file)
    assert "no picture" in (await use.answered()).text


async def test_a_broken_picture_is_refused_in_one_sentence(studio: Studio) -> None:
    file = LocalFile("sea.png", picture().data[:80])
    use = await studio.alice.slash("imagine", prompt="waves", image=file)
    refusal = await use.message_where(lambda message: not message.loading)
    assert "Something went wrong" not in refusal.text
    assert "waves" in refusal.text


async def test_suggestions_come_from_memory(studio: Studio) -> None:
    models = await studio.alice.autocomplete("imagine", typing="model", text="test", prompt="a")
    assert models == [{"name": "Test card (no model)", "value": "testcard"}]
    samplers = await studio.alice.autocomplete("imagine", typing="sampler", prompt="a")
    assert [choice["value"] for choice in samplers] == ["Euler a", "Euler"]
    ratios = await studio.alice.autocomplete(
        "imagine", typing="aspect_ratio", text="16", prompt="a"
    )
    assert [choice["value"] for choice in ratios] == ["16:9", "9:16"]


async def test_a_missing_permission_is_named_before_anything_is_queued(studio: Studio) -> None:
    studio.sandbox.deny("general", "attach_files")
    use = await studio.bob.slash("imagine", prompt="a fox", channel="general")
    assert "Attach Files" in (await use.answered()).text
    assert await studio.jobs(studio.bob) == []


async def test_a_mention_in_a_prompt_notifies_nobody(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, f"<@{studio.bob.id}> @everyone with a fox")
    assert result.pinged == []
    for exchange in studio.exchanges:
        if isinstance(exchange.body, dict) and "allowed_mentions" in exchange.body:
            assert exchange.body["allowed_mentions"] in ({"parse": []}, {"parse": [], "users": []})


async def test_a_failure_shows_its_reason_and_keeps_the_prompt(studio: Studio) -> None:
    studio.backend.plan(Twist(mishap="out_of_memory"))
    use = await studio.alice.slash("imagine", prompt="a fox")
    ending = await use.message_where(lambda message: "Try again" in message.button_labels)
    assert "ran out of memory" in ending.text
    assert "a fox" in ending.text


async def test_an_unfinished_job_says_where_it_stands(studio: Studio) -> None:
    first = await studio.alice.slash("imagine", prompt="one")
    await first.message_where(is_unfinished)
    second = await studio.bob.slash("imagine", prompt="two")
    shown: SeenMessage = await second.message_where(is_unfinished)
    assert "Queued" in shown.text
    assert "1 ahead" in shown.text
