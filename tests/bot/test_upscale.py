"""Making pictures larger: by the button, by the command, with a model and without."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from bot.sandbox import LocalFile
from generation.backends.scripted import TEST_CARD
from generation.types import Task
from tests.bot.studio import Studio


def picture(size: tuple[int, int] = (300, 200)) -> LocalFile:
    buffer = io.BytesIO()
    Image.new("RGB", size, "orange").save(buffer, "PNG")
    return LocalFile("picture.png", buffer.getvalue())


async def test_the_button_draws_the_picture_twice_as_large(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "a fox", count=2, seed=7, width=384, height=256)
    shown = await studio.finish(await studio.alice.press(result, "Upscale 2"))
    second, first = await studio.jobs(studio.alice)
    params = second.request.params
    assert params.task is Task.IMG2IMG
    assert (params.width, params.height) == (768, 512)
    assert (params.seed, params.count, params.strength) == (8, 1, 0.35)
    assert second.request.parent == first.id
    assert "768×512" in shown.text


async def test_the_button_goes_as_far_as_the_servers_limit(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, width=768, height=512)
    await studio.finish(await studio.alice.press(result, "Upscale"))
    params = (await studio.jobs(studio.alice))[0].request.params
    assert params.width == 1024
    assert params.height in {680, 688}


async def test_a_picture_as_large_as_the_limit_is_not_drawn_again(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, width=1024, height=1024)
    use = await studio.alice.press(result, "Upscale")
    told = await use.message_where(lambda message: not message.loading)
    assert "1024×1024 already" in told.text
    assert "limit here of 1024" in told.text
    assert len(await studio.jobs(studio.alice)) == 1


async def test_a_model_that_cannot_start_from_a_picture_offers_no_upscale(studio: Studio) -> None:
    plain = replace(TEST_CARD, tasks=frozenset({Task.TXT2IMG}))
    await studio.offer(plain)
    result = await studio.imagine(studio.alice)
    assert "Upscale" not in result.button_labels


async def test_a_result_of_the_models_largest_size_offers_no_upscale(studio: Studio) -> None:
    await studio.offer(replace(TEST_CARD, max_side=512))
    result = await studio.imagine(studio.alice)
    assert "Upscale" not in result.button_labels


async def test_an_inpainted_result_grows_from_its_finished_size(studio: Studio) -> None:
    mask = Image.new("L", (300, 200))
    mask.paste(255, (10, 10, 60, 60))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    use = await studio.alice.slash(
        "inpaint", image=picture(), mask=LocalFile("mask.png", buffer.getvalue()), prompt="a hat"
    )
    await studio.finish(await studio.alice.press(await studio.finish(use), "Upscale"))
    params = (await studio.jobs(studio.alice))[0].request.params
    assert params.task is Task.IMG2IMG
    assert (params.width, params.height) == (600, 400)


async def test_the_command_enlarges_any_picture_with_a_model(studio: Studio) -> None:
    use = await studio.alice.slash("upscale", image=picture(), prompt="a sunset", factor=3.0)
    await studio.finish(use)
    params = (await studio.only_job(studio.alice)).request.params
    assert (params.width, params.height) == (896, 600)
    assert (params.prompt, params.strength) == ("a sunset", 0.35)


async def test_a_file_that_carries_its_settings_needs_no_prompt(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "a fox in ink", seed=9, steps=5, width=256)
    data = await studio.alice.download(result.attachments[0])
    use = await studio.alice.slash("upscale", image=LocalFile("fox.png", data), strength=0.2)
    await studio.finish(use)
    params = (await studio.jobs(studio.alice))[0].request.params
    assert (params.prompt, params.seed, params.steps) == ("a fox in ink", 9, 5)
    assert (params.width, params.height, params.strength) == (512, 1024, 0.2)


async def test_a_file_that_says_nothing_needs_a_prompt(studio: Studio) -> None:
    use = await studio.alice.slash("upscale", image=picture())
    told = await use.message_where(lambda message: not message.loading)
    assert "describe the picture in the prompt" in told.text
    assert await studio.jobs(studio.alice) == []


async def test_without_a_model_the_picture_is_enlarged_at_once_and_says_so(
    studio: Studio,
) -> None:
    use = await studio.alice.slash("upscale", image=picture(), method="without a model")
    shown = await use.message_where(lambda message: bool(message.attachments))
    assert "Enlarged to 600×400 without a model" in shown.text
    data = await studio.alice.download(shown.attachments[0])
    with Image.open(io.BytesIO(data)) as made:
        assert made.size == (600, 400)
        assert made.convert("RGB").getpixel((300, 200)) == (255, 165, 0)
    assert await studio.jobs(studio.alice) == []


@pytest.mark.parametrize("method", ["drawn over", "without a model"])
@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (picture((1024, 700)), "1024×700 already"),
        (picture((9000, 10)), "too large"),
        (LocalFile("words.png", b"words"), "cannot be used"),
        (LocalFile("words.txt", b"words"), "no picture"),
    ],
)
async def test_what_cannot_be_enlarged_is_refused_in_one_sentence(
    studio: Studio, method: str, image: LocalFile, sentence: str
) -> None:
    use = await studio.alice.slash("upscale", image=image, prompt="a fox", method=method)
    told = await use.message_where(lambda message: not message.loading)
    assert sentence in told.text
    assert await studio.jobs(studio.alice) == []


async def test_a_second_pass_is_asked_for_by_a_flag(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "a fox --hires 1.5 --hires-strength 0.4 --seed 3")
    params = (await studio.only_job(studio.alice)).request.params
    assert (params.width, params.height) == (512, 512)
    assert params.final_size == (768, 768)
    assert "768×768" in result.text
    assert "hires 1.5 at 0.4" in result.text


async def test_the_servers_limit_holds_for_the_second_pass(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox --hires 4")
    told = await use.message_where(lambda message: not message.loading)
    assert "2048×2048 is larger than the limit here of 1024" in told.text
    assert await studio.jobs(studio.alice) == []


async def test_a_picture_of_two_passes_can_be_edited_and_its_file_used_again(
    studio: Studio,
) -> None:
    result = await studio.imagine(studio.alice, "a fox --hires 1.5 --seed 3")
    first = await studio.only_job(studio.alice)
    for name in ("Edit", "Use these settings"):
        if name == "Edit":
            use = await studio.alice.press(result, name)
        else:
            data = await studio.alice.download(result.attachments[0])
            message = await studio.alice.send(files=[LocalFile("fox.png", data)])
            use = await studio.alice.context_menu(message, name)
        form = await use.form()
        values = {name: str(field.get("value") or "") for name, field in form.fields.items()}
        await studio.finish(await studio.alice.submit(use, **values))
        assert (await studio.jobs(studio.alice))[0].request.params == first.request.params


async def test_vary_after_a_second_pass_is_one_pass(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "a fox --hires 1.5")
    await studio.finish(await studio.alice.press(result, "Vary"))
    params = (await studio.jobs(studio.alice))[0].request.params
    assert (params.task, params.hires) == (Task.IMG2IMG, 1.0)
