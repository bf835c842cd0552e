"""Tools on Discord: enlarging, cutting out and describing, as jobs like all others."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from bot.sandbox import LocalFile, SeenMessage, Use
from generation.backends.base import ToolInfo
from generation.backends.scripted import TEST_TOOLS, Twist
from generation.types import JobState, Task
from tests.bot.studio import Studio

ANOTHER = ToolInfo(name="soft", title="Soft ×2", task=Task.UPSCALE, factor=2)


@pytest.fixture
async def studio(studio: Studio) -> Studio:
    """With a tool for every task, and two that enlarge."""
    studio.backend._tools = (*TEST_TOOLS, ANOTHER)
    await studio.restart()
    return studio


def picture(size: tuple[int, int] = (300, 200), *, hole: bool = False) -> LocalFile:
    made = Image.new("RGBA", size, (200, 100, 50, 255))
    if hole:
        made.paste((200, 100, 50, 0), (0, 0, size[0] // 2, size[1]))
    buffer = io.BytesIO()
    made.save(buffer, "PNG")
    return LocalFile("picture.png", buffer.getvalue())


async def finish(studio: Studio, use: Use) -> SeenMessage:
    """Let the tool's job run to its end, and return its result."""
    await use.message_where(lambda message: "Cancel" in message.button_labels)
    await studio.until(lambda: bool(studio.backend._steps))
    studio.backend.advance()
    return await use.message_where(lambda shown: "Delete" in shown.button_labels)


async def told(use: Use) -> str:
    return (await use.message_where(lambda message: not message.loading)).text


async def shown_size(studio: Studio, message: SeenMessage) -> tuple[int, int]:
    data = await studio.alice.download(message.attachments[0])
    with Image.open(io.BytesIO(data)) as opened:
        return opened.size


async def test_a_picture_is_enlarged_by_the_first_upscaler_where_nothing_else_is_said(
    studio: Studio,
) -> None:
    use = await studio.alice.slash("upscale", image=picture(), factor=3.0)
    shown = await finish(studio, use)
    params = (await studio.only_job(studio.alice)).request.params
    assert (params.task, params.model) == (Task.UPSCALE, "testscaler")
    assert await shown_size(studio, shown) == params.final_size == (900, 600)
    assert "testscaler · 900×600" in shown.text
    assert "Seed" not in shown.text
    assert shown.button_labels == ["Delete"]


async def test_an_upscaler_is_chosen_by_name(studio: Studio) -> None:
    use = await studio.alice.slash("upscale", image=picture(), method="Soft ×2")
    await finish(studio, use)
    params = (await studio.only_job(studio.alice)).request.params
    assert (params.model, params.final_size) == ("soft", (600, 400))


async def test_every_way_to_enlarge_is_offered(studio: Studio) -> None:
    offered = await studio.alice.autocomplete("upscale", typing="method")
    assert [choice["value"] for choice in offered] == [
        "testscaler",
        "soft",
        "drawn over",
        "without a model",
    ]
    typed = await studio.alice.autocomplete("upscale", typing="method", text="SOFT")
    assert [choice["value"] for choice in typed] == ["soft"]


async def test_a_prompt_has_the_picture_drawn_over(studio: Studio) -> None:
    use = await studio.alice.slash("upscale", image=picture(), prompt="a fox")
    await studio.finish(use)
    assert (await studio.only_job(studio.alice)).request.params.task is Task.IMG2IMG


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"method": "soft", "prompt": "a fox"}, "follows no prompt"),
        ({"method": "sfot"}, "Did you mean soft?"),
        ({"method": "x"}, "Available: testscaler, soft, drawn over, without a model."),
        ({"image": picture((1000, 10))}, "1000×10 already"),
    ],
)
async def test_what_an_upscaler_cannot_do_is_refused_in_one_sentence(
    studio: Studio, options: dict[str, object], sentence: str
) -> None:
    use = await studio.alice.slash("upscale", **{"image": picture(), **options})  # type: ignore[arg-type]
    assert sentence in await told(use)
    assert await studio.jobs(studio.alice) == []


async def test_the_button_enlarges_that_picture_and_only_while_the_limit_has_room(
    studio: Studio,
) -> None:
    result = await studio.imagine(studio.alice, count=2, seed=7, width=512, height=256)
    shown = await finish(studio, await studio.alice.press(result, "Upscale 2"))
    made, drawn = await studio.jobs(studio.alice)
    assert made.request.params.final_size == (1024, 512)
    assert made.request.inputs == (drawn.outputs[1].blob,)
    assert made.request.parent == drawn.id
    assert shown.button_labels == ["Delete"]  # 1024 is the limit here
    large = await studio.imagine(studio.alice, width=1024, height=1024)
    assert "Upscale" not in large.button_labels


async def test_the_button_works_after_a_restart(studio: Studio) -> None:
    use = await studio.alice.slash("upscale", image=picture((200, 100)))
    small = await finish(studio, use)
    await studio.restart()
    await studio.alice.connect()
    shown = await finish(studio, await studio.alice.press(small, "Upscale"))
    assert await shown_size(studio, shown) == (800, 400)


async def test_a_cutout_is_transparent_and_as_large_as_the_limit_lets_it_be(
    studio: Studio,
) -> None:
    use = await studio.alice.slash("cutout", image=picture((2048, 1024)))
    shown = await finish(studio, use)
    data = await studio.alice.download(shown.attachments[0])
    with Image.open(io.BytesIO(data)) as opened:
        assert (opened.size, opened.mode) == ((1024, 512), "RGBA")
    assert (await studio.only_job(studio.alice)).request.params.task is Task.CUTOUT


async def test_a_description_is_shown_as_text_and_drawn_at_a_press(studio: Studio) -> None:
    use = await studio.alice.slash("describe", image=picture())
    shown = await finish(studio, use)
    assert "a picture of 300 by 200 pixels" in shown.text
    assert shown.attachments == []
    assert shown.button_labels == ["Imagine this", "Delete"]
    await studio.finish(await studio.bob.press(shown, "Imagine this"))
    drawn = (await studio.jobs(studio.bob))[0].request
    assert drawn.params.task is Task.TXT2IMG
    assert drawn.params.prompt == "a picture of 300 by 200 pixels"
    assert drawn.parent == (await studio.only_job(studio.alice)).id


async def test_a_description_survives_a_restart_before_it_was_shown(studio: Studio) -> None:
    use = await studio.alice.slash("describe", image=picture())
    await use.message_where(lambda message: "Cancel" in message.button_labels)
    await studio.until(lambda: bool(studio.backend._steps))
    await studio.client.close()
    studio.backend.advance()
    await studio.until(lambda: studio.reached(studio.alice, JobState.DELIVERING))
    await studio.restart()
    shown = await studio.alice.wait_for(lambda seen: "Imagine this" in seen.button_labels)
    assert "a picture of 300 by 200 pixels" in shown.text
    assert (await studio.only_job(studio.alice)).state is JobState.DONE


async def test_a_description_may_be_hidden(studio: Studio) -> None:
    use = await studio.alice.slash("describe", image=picture(), spoiler=True)
    assert "||a picture of 300 by 200 pixels||" in (await finish(studio, use)).text


async def test_a_picture_in_a_message_is_described_for_the_asker_alone(studio: Studio) -> None:
    message = await studio.bob.send(files=[picture()])
    shown = await finish(studio, await studio.alice.context_menu(message, "Describe"))
    assert shown.ephemeral
    assert "a picture of 300 by 200 pixels" in shown.text
    empty = await studio.bob.send("words")
    assert "no picture in that message" in await told(
        await studio.alice.context_menu(empty, "Describe")
    )


@pytest.mark.parametrize("command", ["describe", "cutout"])
async def test_what_nothing_here_can_do_is_said(studio: Studio, command: str) -> None:
    studio.backend._tools = ()
    await studio.catalog.refresh([studio.backend])
    assert "Nothing here can" in await told(await studio.alice.slash(command, image=picture()))
    assert await studio.alice.autocomplete(command, typing="method") == []
    assert await studio.jobs(studio.alice) == []


async def test_a_tools_job_can_be_cancelled_and_tried_again_as_it_was(studio: Studio) -> None:
    use = await studio.alice.slash("upscale", image=picture(), factor=2.5, method="soft")
    waiting = await use.message_where(lambda message: "Cancel" in message.button_labels)
    await studio.alice.press(waiting, "Cancel")
    ended = await use.message_where(lambda message: "Try again" in message.button_labels)
    assert ended.button_labels == ["Try again", "Delete"]
    shown = await finish(studio, await studio.alice.press(ended, "Try again"))
    again, first = await studio.jobs(studio.alice)
    assert again.request.params == first.request.params
    assert await shown_size(studio, shown) == (750, 500)


async def test_a_failed_tool_says_so_and_keeps_its_picture_for_another_try(studio: Studio) -> None:
    studio.backend.plan(Twist(mishap="out_of_memory"))
    use = await studio.alice.slash("describe", image=picture())
    ended = await use.message_where(lambda message: "Try again" in message.button_labels)
    assert "out of memory" in ended.text
    shown = await finish(studio, await studio.alice.press(ended, "Try again"))
    assert "a picture of 300 by 200 pixels" in shown.text


async def test_what_is_transparent_reaches_the_tool_with_its_own_colours(studio: Studio) -> None:
    use = await studio.alice.slash("upscale", image=picture(hole=True))
    await finish(studio, use)
    (blob,) = (await studio.only_job(studio.alice)).request.inputs
    with Image.open(io.BytesIO(await studio.queue.picture(blob))) as opened:
        assert opened.mode == "RGBA"
        assert opened.getchannel("A").getpixel((10, 10)) == 0
        assert opened.getpixel((290, 10)) == (200, 100, 50, 255)
