"""Editing by instruction, and blending: pictures that a model looks at."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from bot.sandbox import LocalFile, Use
from bot.sandbox.client import OptionValue
from generation.backends.base import ModelInfo
from generation.backends.scripted import TEST_CARD
from generation.references import BLEND_PROMPT
from generation.types import Job, JobState, Params, Task
from tests.bot.studio import Studio

SIZE = (120, 60)
PLAIN = replace(
    TEST_CARD,
    name="plain",
    title="Plain",
    tasks=frozenset({Task.TXT2IMG, Task.IMG2IMG}),
    max_references=0,
)
EDITOR = replace(
    TEST_CARD,
    name="testcard",
    title="Editor",
    tasks=frozenset({Task.EDIT}),
    looks=frozenset({Task.EDIT}),
    max_references=2,
    uses_reference_weight=False,
)


def picture(colour: str = "orange", size: tuple[int, int] = SIZE) -> LocalFile:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return LocalFile(f"{colour}.png", buffer.getvalue())


async def offer(studio: Studio, *models: ModelInfo) -> None:
    studio.backend._models = models
    await studio.catalog.refresh([studio.backend])


async def used(studio: Studio, command: str, **options: OptionValue) -> Use:
    return await studio.alice.slash(command, channel=None, attachment_size_limit=None, **options)


async def edited(studio: Studio, **options: OptionValue) -> Params:
    whole = {"image": picture(), "instruction": "make it night", **options}
    await studio.finish(await used(studio, "edit", **whole))
    return (await studio.jobs(studio.alice))[0].request.params


async def blended(studio: Studio, **options: OptionValue) -> Params:
    whole = {"image": picture(), "image2": picture("navy", (60, 60)), **options}
    await studio.finish(await used(studio, "blend", **whole))
    return (await studio.jobs(studio.alice))[0].request.params


async def colours(studio: Studio, job: Job) -> list[object]:
    """The middle of each picture that the job was stored with."""
    found: list[object] = []
    for blob in job.request.inputs:
        with Image.open(io.BytesIO(await studio.queue.picture(blob))) as opened:
            found.append(opened.convert("RGB").getpixel((5, 5)))
    return found


async def refusal(studio: Studio, command: str, **options: OptionValue) -> str:
    use = await used(studio, command, **options)
    told = await use.message_where(lambda message: not message.loading)
    assert await studio.jobs(studio.alice) == []
    return told.text


async def test_an_edit_looks_at_its_picture_and_takes_its_shape(studio: Studio) -> None:
    params = await edited(studio, seed=3)
    assert (params.task, params.prompt, params.references) == (Task.EDIT, "make it night", 1)
    assert params.width / params.height == pytest.approx(2, rel=0.05)
    job = await studio.only_job(studio.alice)
    assert await colours(studio, job) == [(255, 165, 0)]


async def test_an_edit_can_be_given_another_shape(studio: Studio) -> None:
    params = await edited(studio, aspect_ratio="1:1")
    assert (params.width, params.height) == (512, 512)


async def test_further_pictures_of_an_edit_keep_their_order(studio: Studio) -> None:
    params = await edited(studio, image2=picture("navy"), image4=picture("red"))
    assert params.references == 3
    job = await studio.only_job(studio.alice)
    assert await colours(studio, job) == [(255, 165, 0), (0, 0, 128), (255, 0, 0)]


async def test_a_blend_draws_from_all_its_pictures_in_the_first_ones_shape(studio: Studio) -> None:
    params = await blended(studio, prompt="a castle", weight=0.8)
    assert (params.task, params.references) == (Task.TXT2IMG, 2)
    assert (params.prompt, params.reference_weight) == ("a castle", 0.8)
    assert params.width / params.height == pytest.approx(2, rel=0.05)


async def test_without_a_prompt_the_pictures_of_a_blend_count_fully(studio: Studio) -> None:
    params = await blended(studio)
    assert (params.prompt, params.reference_weight) == (BLEND_PROMPT, 1.0)
    assert (await blended(studio, prompt="a castle")).reference_weight == 0.6


async def test_a_model_that_edits_alone_blends_by_an_edit(studio: Studio) -> None:
    await offer(studio, EDITOR)
    params = await blended(studio, prompt="both of them")
    assert (params.task, params.references) == (Task.EDIT, 2)


async def test_where_nobody_chose_a_model_one_that_can_edit_does(studio: Studio) -> None:
    await offer(studio, PLAIN, EDITOR)
    assert (await edited(studio)).model == "testcard"


async def test_a_model_that_was_chosen_and_cannot_edit_says_which_can(studio: Studio) -> None:
    await offer(studio, PLAIN, EDITOR)
    told = await refusal(studio, "edit", image=picture(), instruction="a hat", model="plain")
    assert "plain cannot edit pictures by instruction. These can: testcard." in told
    assert "a hat" in told


async def test_where_no_model_can_that_is_said(studio: Studio) -> None:
    await offer(studio, PLAIN)
    told = await refusal(studio, "edit", image=picture(), instruction="a hat")
    assert "plain cannot edit pictures by instruction." in told
    told = await refusal(studio, "blend", image=picture(), image2=picture())
    assert "plain cannot look at pictures besides the prompt." in told


async def test_too_many_pictures_are_told_with_how_many_there_may_be(studio: Studio) -> None:
    await offer(studio, EDITOR)
    three = {f"image{index}": picture() for index in ("", 2, 3)}
    told = await refusal(studio, "edit", instruction="a hat", **three)
    assert "testcard looks at 2 pictures at most." in told


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"image": LocalFile("words.txt", b"words")}, "no picture"),
        ({"image2": LocalFile("broken.png", b"words")}, "cannot be used"),
        ({"image": picture(size=(9000, 10))}, "too large"),
        ({"instruction": "a hat --strength 0.5"}, "leave the strength out"),
        ({"instruction": "a hat --mask-blur 4"}, "use /inpaint"),
        ({"instruction": "a hat --hires 2"}, "--hires is for pictures from a prompt alone"),
        ({"model": "nonsense"}, "nonsense"),
        ({"aspect_ratio": "90:1"}, "too extreme"),
    ],
)
async def test_what_cannot_be_edited_is_refused_in_one_sentence(
    studio: Studio, options: dict[str, OptionValue], sentence: str
) -> None:
    whole = {"image": picture(), "instruction": "a precious hat", **options}
    assert sentence in await refusal(studio, "edit", **whole)


async def test_a_weight_is_refused_where_it_means_nothing(studio: Studio) -> None:
    told = await refusal(studio, "imagine", prompt="a fox --iw 0.5")
    assert "goes with pictures to look at; see /blend" in told
    await offer(studio, EDITOR)
    told = await refusal(studio, "blend", image=picture(), image2=picture(), weight=0.5)
    assert "testcard weighs pictures by the prompt; leave the weight out" in told


async def test_again_looks_at_the_same_pictures_with_another_seed(studio: Studio) -> None:
    before = await edited(studio, image2=picture("navy"))
    first = await studio.only_job(studio.alice)
    result = await studio.alice.wait_for(lambda shown: "Again" in shown.button_labels)
    await studio.finish(await studio.alice.press(result, "Again"))
    again = (await studio.jobs(studio.alice))[0].request
    assert again.inputs == first.request.inputs
    assert again.params == replace(before, seed=again.params.seed)
    assert again.params.seed != before.seed


async def test_the_form_leads_to_the_same_blend_again(studio: Studio) -> None:
    before = await blended(studio, prompt="a castle", weight=1.0, seed=5)
    result = await studio.alice.wait_for(lambda shown: "Edit" in shown.button_labels)
    use = await studio.alice.press(result, "Edit")
    form = await use.form()
    values = {name: str(field.get("value") or "") for name, field in form.fields.items()}
    await studio.finish(await studio.alice.submit(use, **values))
    assert (await studio.jobs(studio.alice))[0].request.params == before


async def test_vary_starts_from_the_result_and_still_looks_at_the_pictures(studio: Studio) -> None:
    await blended(studio, prompt="a castle", weight=0.7)
    first = await studio.only_job(studio.alice)
    result = await studio.alice.wait_for(lambda shown: "Vary" in shown.button_labels)
    await studio.finish(await studio.alice.press(result, "Vary"))
    varied = (await studio.jobs(studio.alice))[0].request
    assert (varied.params.task, varied.params.references) == (Task.IMG2IMG, 2)
    assert varied.params.reference_weight == 0.7
    assert varied.inputs[1:] == first.request.inputs


async def test_vary_leaves_the_pictures_out_where_the_model_cannot_look(studio: Studio) -> None:
    await offer(studio, replace(TEST_CARD, looks=frozenset({Task.EDIT})))
    await edited(studio)
    result = await studio.alice.wait_for(lambda shown: "Vary" in shown.button_labels)
    await studio.finish(await studio.alice.press(result, "Vary"))
    varied = (await studio.jobs(studio.alice))[0].request
    assert (varied.params.task, varied.params.references) == (Task.IMG2IMG, 0)
    assert len(varied.inputs) == 1


async def test_any_picture_can_be_edited_from_its_message(studio: Studio) -> None:
    await edited(studio)
    result = await studio.alice.wait_for(lambda shown: "Again" in shown.button_labels)
    use = await studio.alice.context_menu(result, "Edit…")
    await studio.finish(await studio.alice.submit(use, prompt="add a moon --seed 4"))
    params = (await studio.jobs(studio.alice))[0].request.params
    assert (params.task, params.prompt, params.seed) == (Task.EDIT, "add a moon", 4)


async def test_a_refused_edit_leaves_no_picture_behind(studio: Studio) -> None:
    await studio.alice.slash("limits set", limit="max_steps", value=5)
    use = await used(studio, "edit", image=picture(), instruction="a hat", steps=20)
    await use.message_where(lambda message: "limit here of 5" in message.text)
    await studio.until(
        lambda: not any(path.is_file() for path in (studio.data / "blobs").rglob("*"))
    )


async def test_an_edit_survives_a_restart(studio: Studio) -> None:
    use = await used(studio, "edit", image=picture(), instruction="a hat")
    await use.message_where(lambda message: "Cancel" in message.button_labels)
    await studio.restart()
    await studio.until(lambda: bool(studio.backend._steps))
    studio.backend.advance(1000)
    await studio.until(lambda: studio.reached(studio.alice, JobState.DONE))
