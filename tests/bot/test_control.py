"""Pictures held to the lines or the depth of another one, and edges that meet."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace

import pytest
from PIL import Image

from bot.sandbox import LocalFile
from bot.sandbox.client import OptionValue
from generation.backends.base import ControlInfo
from generation.backends.scripted import TEST_CARD
from generation.types import Control, Job, JobState, Params, Task
from tests.bot.studio import Studio

CONTROLS = (
    ControlInfo(name="canny", title="Hard edges (Canny)", prepares=True),
    ControlInfo(name="pose", title="Pose"),
)
ABLE = replace(TEST_CARD, controls=CONTROLS, uses_tiling=True)
PLAIN = replace(TEST_CARD, name="plain", title="Plain")


@pytest.fixture(autouse=True)
async def models(studio: Studio) -> None:
    await studio.offer(ABLE, PLAIN)


def picture(size: tuple[int, int] = (120, 60), colour: str = "orange") -> LocalFile:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return LocalFile("picture.png", buffer.getvalue())


def mask(size: tuple[int, int] = (120, 60)) -> LocalFile:
    made = Image.new("L", size)
    made.paste(255, (40, 20, 60, 40))
    buffer = io.BytesIO()
    made.save(buffer, "PNG")
    return LocalFile("mask.png", buffer.getvalue())


async def controlled(studio: Studio, **options: OptionValue) -> Job:
    every: dict[str, OptionValue] = {
        "image": picture(),
        "kind": "canny",
        "prompt": "a hat",
        **options,
    }
    use = await studio.alice.slash("control", **every)  # type: ignore[arg-type]
    await studio.finish(use)
    return (await studio.jobs(studio.alice))[0]


async def refusal(studio: Studio, options: Mapping[str, OptionValue]) -> str:
    every = {"image": picture(), "kind": "canny", "prompt": "a precious hat", **options}
    use = await studio.alice.slash("control", channel=None, attachment_size_limit=None, **every)
    told = await use.message_where(lambda message: not message.loading)
    assert "a precious hat" in told.text
    assert await studio.jobs(studio.alice) == []
    return told.text


async def inputs(studio: Studio, job: Job) -> list[Image.Image]:
    pictures = [await studio.queue.picture(blob) for blob in job.request.inputs]
    return [Image.open(io.BytesIO(data)) for data in pictures]


async def test_a_drawing_is_held_to_a_picture_and_takes_its_shape(studio: Studio) -> None:
    job = await controlled(studio, weight=0.8, start=0.1, end=0.9)
    params = job.request.params
    assert params.task is Task.TXT2IMG
    assert params.controls == (Control(kind="canny", weight=0.8, start=0.1, end=0.9),)
    assert params.width / params.height == pytest.approx(2, rel=0.05)
    (held,) = await inputs(studio, job)
    assert held.size == params.final_size


async def test_two_pictures_hold_one_drawing(studio: Studio) -> None:
    job = await controlled(
        studio,
        prepared=True,
        image2=picture((60, 60), "teal"),
        kind2="Pose",
        weight2=0.5,
        aspect_ratio="1:1",
    )
    assert [(each.kind, each.weight) for each in job.request.params.controls] == [
        ("canny", 1.0),
        ("pose", 0.5),
    ]
    first, second = await inputs(studio, job)
    assert first.size == second.size == (512, 512)
    assert first.getpixel((9, 9)) == (255, 165, 0)
    assert second.getpixel((9, 9)) == (0, 128, 128)


async def test_it_can_start_from_a_picture_or_a_part_of_one(studio: Studio) -> None:
    job = await controlled(studio, start_image=picture((60, 60)), strength=0.4)
    assert (job.request.params.task, job.request.params.strength) == (Task.IMG2IMG, 0.4)
    assert len(job.request.inputs) == 2
    job = await controlled(studio, start_image=picture(), mask=mask())
    assert job.request.params.task is Task.INPAINT
    _, _, held = await inputs(studio, job)
    assert held.size == (120, 60)


async def test_again_and_vary_keep_what_it_is_held_to(studio: Studio) -> None:
    first = await controlled(studio)
    result = await studio.alice.wait_for(lambda shown: "Again" in shown.button_labels)
    await studio.finish(await studio.alice.press(result, "Again"))
    again = (await studio.jobs(studio.alice))[0]
    assert again.request.inputs == first.request.inputs
    assert again.request.params.controls == first.request.params.controls
    await studio.finish(await studio.alice.press(result, "Vary"))
    varied = (await studio.jobs(studio.alice))[0]
    assert varied.request.params.task is Task.IMG2IMG
    assert varied.request.params.controls == first.request.params.controls
    assert varied.request.inputs[1:] == first.request.inputs


async def test_the_form_leads_to_the_same_job_again(studio: Studio) -> None:
    before = await controlled(studio, seed=5)
    result = await studio.alice.wait_for(lambda shown: "Edit" in shown.button_labels)
    use = await studio.alice.press(result, "Edit")
    form = await use.form()
    values = {name: str(field.get("value") or "") for name, field in form.fields.items()}
    await studio.finish(await studio.alice.submit(use, **values))
    after = (await studio.jobs(studio.alice))[0]
    assert after.request.params == before.request.params
    assert after.request.inputs == before.request.inputs


async def test_the_answer_says_what_it_is_held_to(studio: Studio) -> None:
    await controlled(studio, weight=0.75)
    result = await studio.alice.wait_for(lambda shown: "Again" in shown.button_labels)
    assert "canny 0.75" in result.text


async def test_kinds_are_suggested_with_what_they_need(studio: Studio) -> None:
    offered = await studio.alice.autocomplete("control", typing="kind", text="", prompt="x")
    assert [(choice["name"], choice["value"]) for choice in offered] == [
        ("Hard edges (Canny)", "canny"),
        ("Pose, only prepared", "pose"),
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kind": "cany"}, "Did you mean canny?"),
        ({"kind": "pose"}, "cannot be found in a picture here"),
        ({"model": "plain"}, "has no ControlNets here. These can: testcard."),
        ({"start": 0.9, "end": 0.2}, "ends after it started"),
        ({"image2": picture()}, "both image2 and kind2"),
        ({"mask": mask()}, "add start_image"),
        ({"image": LocalFile("words.png", b"words")}, "cannot be used"),
        ({"image": picture((3000, 20))}, "too extreme"),
    ],
)
async def test_what_cannot_be_held_is_refused_in_one_sentence(
    studio: Studio, options: dict[str, OptionValue], sentence: str
) -> None:
    assert sentence in await refusal(studio, options)


async def tiled(studio: Studio, prompt: str = "a leaf --tile") -> Params:
    await studio.imagine(studio.alice, prompt)
    return (await studio.jobs(studio.alice))[0].request.params


async def test_edges_meet_where_the_flag_says_so(studio: Studio) -> None:
    params = await tiled(studio)
    assert (params.prompt, params.tiling) == ("a leaf", True)
    result = await studio.alice.wait_for(lambda shown: "Edit" in shown.button_labels)
    assert "edges meet" in result.text
    form = await (await studio.alice.press(result, "Edit")).form()
    assert "--tile" in str(form.fields["settings"].get("value"))


async def test_a_model_whose_edges_cannot_meet_is_refused_with_one_that_can(
    studio: Studio,
) -> None:
    use = await studio.alice.slash("imagine", prompt="a leaf --tile", model="plain")
    told = await use.message_where(lambda message: not message.loading)
    assert "cannot make edges meet. These can: testcard." in told.text


async def test_a_controlled_job_survives_a_restart(studio: Studio) -> None:
    use = await studio.alice.slash("control", image=picture(), kind="canny", prompt="a hat")
    await use.message_where(lambda message: "Cancel" in message.button_labels)
    await studio.restart()
    await studio.until(lambda: bool(studio.backend._steps))
    studio.backend.advance(1000)
    await studio.until(lambda: studio.reached(studio.alice, JobState.DONE))
