"""Redrawing a part of a picture, and drawing on beyond its edges."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace

import pytest
from PIL import Image

from bot.sandbox import LocalFile, Use
from bot.sandbox.client import OptionValue
from generation.backends.scripted import TEST_CARD
from generation.types import Job, JobState, Params, Task
from tests.bot.studio import Studio

SIZE = (120, 60)
WHITE = (40, 20, 60, 40)


def png(image: Image.Image, name: str = "picture.png") -> LocalFile:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return LocalFile(name, buffer.getvalue())


def picture(size: tuple[int, int] = SIZE) -> LocalFile:
    return png(Image.new("RGB", size, "orange"))


def mask(box: tuple[int, int, int, int] | None = WHITE, size: tuple[int, int] = SIZE) -> LocalFile:
    made = Image.new("L", size)
    if box is not None:
        made.paste(255, box)
    return png(made, "mask.png")


def erased() -> LocalFile:
    made = Image.new("RGBA", SIZE, "orange")
    made.paste((0, 0, 0, 0), WHITE)
    return png(made)


async def inputs(studio: Studio, job: Job) -> list[Image.Image]:
    """The picture and the mask that the job was stored with."""
    pictures = [await studio.queue.picture(blob) for blob in job.request.inputs]
    return [Image.open(io.BytesIO(data)) for data in pictures]


async def used(studio: Studio, command: str, options: Mapping[str, OptionValue]) -> Use:
    """The command with a picture, unless the options have another one."""
    every = {"image": picture(), **options}
    return await studio.alice.slash(command, channel=None, attachment_size_limit=None, **every)


async def inpainted(studio: Studio, **options: OptionValue) -> Params:
    use = await used(studio, "inpaint", {"mask": mask(), "prompt": "a hat", **options})
    await studio.finish(use)
    return (await studio.jobs(studio.alice))[0].request.params


async def refusal(studio: Studio, command: str, options: Mapping[str, OptionValue]) -> str:
    use = await used(studio, command, {"prompt": "a precious hat", **options})
    told = await use.message_where(lambda message: not message.loading)
    assert "a precious hat" in told.text
    assert await studio.jobs(studio.alice) == []
    return told.text


async def test_a_masked_part_is_drawn_and_the_picture_keeps_its_size(studio: Studio) -> None:
    params = await inpainted(studio, strength=0.6, mask_blur=8, seed=3)
    assert params.task is Task.INPAINT
    assert (params.strength, params.mask_blur, params.padding) == (0.6, 8, None)
    assert params.final_size == SIZE
    job = await studio.only_job(studio.alice)
    whole, redrawn = await inputs(studio, job)
    assert whole.size == redrawn.size == SIZE
    assert redrawn.getbbox() == WHITE
    assert (job.outputs[0].width, job.outputs[0].height) == SIZE


async def test_what_is_left_open_is_what_members_of_other_tools_expect(studio: Studio) -> None:
    params = await inpainted(studio)
    assert (params.strength, params.mask_blur, params.padding) == (0.75, 4, None)


async def test_a_small_picture_is_drawn_in_a_size_that_the_model_knows(studio: Studio) -> None:
    params = await inpainted(studio)
    assert params.width * params.height == pytest.approx(512 * 512, rel=0.05)
    assert params.width / params.height == pytest.approx(2, rel=0.05)


async def test_only_the_masked_part_can_be_drawn_in_full_detail(studio: Studio) -> None:
    params = await inpainted(studio, only_masked=True)
    assert params.padding == 32
    assert params.final_size == SIZE
    assert params.width / params.height > 1, "the part with its padding is wide, as the picture is"


async def test_a_padding_alone_draws_the_masked_part_alone(studio: Studio) -> None:
    params = await inpainted(studio, padding=8, mask_blur=0)
    assert params.padding == 8
    assert (params.width, params.height) == (512, 512)


async def test_without_a_mask_the_transparent_part_is_drawn(studio: Studio) -> None:
    use = await studio.alice.slash("inpaint", image=erased(), prompt="a hat")
    await studio.finish(use)
    _, redrawn = await inputs(studio, await studio.only_job(studio.alice))
    assert redrawn.getbbox() == WHITE


async def test_a_picture_above_the_servers_limit_is_made_smaller(studio: Studio) -> None:
    await studio.alice.slash("limits set", limit="max_side", value=600)
    box = (100, 100, 300, 300)
    params = await inpainted(studio, image=picture((1000, 500)), mask=mask(box, (1000, 500)))
    assert params.final_size == (600, 300)
    assert max(params.width, params.height) <= 600


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "no transparent part"),
        ({"mask": mask(None)}, "nothing white"),
        ({"mask": mask((0, 0, *SIZE))}, "covers the whole picture"),
        ({"mask": mask(size=(60, 60))}, "60×60, but the picture is 120×60"),
        ({"mask": LocalFile("mask.txt", b"words")}, "no picture"),
        ({"mask": LocalFile("mask.png", b"words")}, "cannot be used"),
        ({"image": picture((9000, 10)), "mask": mask()}, "too large"),
        ({"mask": mask(), "strength": 0.0}, "above 0"),
        ({"mask": mask(), "model": "nonsense"}, "nonsense"),
    ],
)
async def test_what_cannot_be_inpainted_is_refused_in_one_sentence(
    studio: Studio, options: dict[str, OptionValue], sentence: str
) -> None:
    assert sentence in await refusal(studio, "inpaint", options)


async def test_options_for_masks_are_refused_where_there_is_none(studio: Studio) -> None:
    for flag in ("--mask-blur 8", "--padding 16"):
        use = await studio.alice.slash("imagine", prompt=f"a fox {flag}")
        assert "use /inpaint" in (await use.answered()).text


async def test_again_redraws_the_same_part(studio: Studio) -> None:
    before = await inpainted(studio, only_masked=True, mask_blur=2)
    first = await studio.only_job(studio.alice)
    result = await studio.alice.wait_for(lambda shown: "Again" in shown.button_labels)
    await studio.finish(await studio.alice.press(result, "Again"))
    again = (await studio.jobs(studio.alice))[0]
    assert again.request.inputs == first.request.inputs
    assert again.request.params.seed != before.seed
    assert (again.request.params.padding, again.request.params.mask_blur) == (32, 2)
    assert again.request.params.final_size == SIZE


async def test_the_form_leads_to_the_same_part_again(studio: Studio) -> None:
    before = await inpainted(studio, only_masked=True, seed=5)
    result = await studio.alice.wait_for(lambda shown: "Edit" in shown.button_labels)
    use = await studio.alice.press(result, "Edit")
    form = await use.form()
    values = {name: str(field.get("value") or "") for name, field in form.fields.items()}
    await studio.finish(await studio.alice.submit(use, **values))
    assert (await studio.jobs(studio.alice))[0].request.params == before


async def test_vary_starts_from_the_whole_result(studio: Studio) -> None:
    await inpainted(studio, padding=0)
    result = await studio.alice.wait_for(lambda shown: "Vary" in shown.button_labels)
    await studio.finish(await studio.alice.press(result, "Vary"))
    params = (await studio.jobs(studio.alice))[0].request.params
    assert params.task is Task.IMG2IMG
    assert params.width / params.height == pytest.approx(2, rel=0.05)


async def test_outpainting_grows_the_picture_to_the_asked_side(studio: Studio) -> None:
    use = await studio.alice.slash(
        "outpaint", image=picture(), prompt="a beach", direction="right", percent=50
    )
    await studio.finish(use)
    job = await studio.only_job(studio.alice)
    assert job.request.params.task is Task.INPAINT
    assert job.request.params.final_size == (180, 60)
    assert (job.request.params.strength, job.request.params.mask_blur) == (0.9, 8)
    whole, redrawn = await inputs(studio, job)
    assert redrawn.getbbox() == (120, 0, 180, 60)
    assert whole.getpixel((10, 10)) == (255, 165, 0)


async def test_outpainting_keeps_within_the_servers_limit(studio: Studio) -> None:
    await studio.alice.slash("limits set", limit="max_side", value=512)
    use = await studio.alice.slash("outpaint", image=picture((500, 500)), prompt="a beach")
    await studio.finish(use)
    params = (await studio.only_job(studio.alice)).request.params
    assert params.final_size == (512, 512)
    assert max(params.width, params.height) <= 512


@pytest.mark.parametrize("command", ["inpaint", "outpaint"])
async def test_a_model_that_cannot_is_named_with_one_that_can(studio: Studio, command: str) -> None:
    plain = replace(TEST_CARD, name="plain", title="Plain", tasks=frozenset({Task.TXT2IMG}))
    await studio.offer(TEST_CARD, plain)
    told = await refusal(studio, command, {"model": "plain"})
    assert "cannot redraw a part of a picture. These can: testcard." in told


async def test_a_refused_order_leaves_no_picture_behind(studio: Studio) -> None:
    await studio.alice.slash("limits set", limit="max_steps", value=5)
    use = await studio.alice.slash(
        "inpaint", image=picture(), mask=mask(), prompt="a hat", steps=20
    )
    await use.message_where(lambda message: "limit here of 5" in message.text)
    await studio.until(
        lambda: not any(path.is_file() for path in (studio.data / "blobs").rglob("*"))
    )


async def test_an_inpainting_survives_a_restart(studio: Studio) -> None:
    use = await studio.alice.slash("inpaint", image=picture(), mask=mask(), prompt="a hat")
    await use.message_where(lambda message: "Cancel" in message.button_labels)
    await studio.restart()
    await studio.until(lambda: bool(studio.backend._steps))
    studio.backend.advance(1000)
    await studio.until(lambda: studio.reached(studio.alice, JobState.DONE))
