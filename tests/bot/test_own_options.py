"""An engine's own options, from what a member types to the job, its message and the next job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generation.backends.base import OptionInfo, OptionKind
from generation.backends.scripted import TEST_CARD
from generation.types import Setting, Task
from tests.bot.studio import Studio

MODEL = replace(
    TEST_CARD,
    options=(
        OptionInfo(name="restore_faces", title="Restore faces", kind=OptionKind.SWITCH),
        OptionInfo(
            name="shift", title="", kind=OptionKind.NUMBER, default=3.0, lowest=0, highest=12
        ),
        OptionInfo(name="refiner", title="", kind=OptionKind.CHOICE, choices=("XL", "XL turbo")),
        OptionInfo(
            name="hires_upscaler",
            title="What enlarges",
            kind=OptionKind.TEXT,
            tasks=frozenset({Task.TXT2IMG}),
        ),
    ),
)


@pytest.fixture(autouse=True)
async def dressed(studio: Studio) -> None:
    await studio.offer(MODEL)


async def suggestions(studio: Studio, text: str) -> list[tuple[str, str]]:
    found = await studio.alice.autocomplete("imagine", typing="options", text=text, prompt="a")
    return [(str(choice["name"]), str(choice["value"])) for choice in found]


async def test_options_and_flags_reach_the_job_and_its_message(studio: Studio) -> None:
    result = await studio.imagine(
        studio.alice, "a fox --set shift=2.5", options='restore_faces=yes, refiner="XL turbo"'
    )
    params = (await studio.only_job(studio.alice)).request.params
    assert params.options == (
        Setting(name="restore_faces", value=True),
        Setting(name="refiner", value="XL turbo"),
        Setting(name="shift", value=2.5),
    )
    for part in ("restore_faces=yes", 'refiner="XL turbo"', "shift=2.5"):
        assert part in result.text


async def test_a_wrong_option_is_refused_before_anything_is_drawn(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox", options="shift=20")
    refusal = await use.answered()
    assert "The option shift is a number from 0 to 12, not “20”." in refusal.text
    assert "a fox" in refusal.text
    assert await studio.jobs(studio.alice) == []


async def test_again_and_edit_keep_them(studio: Studio) -> None:
    result = await studio.imagine(studio.alice, "a fox", options='refiner="XL turbo", shift=2.5')
    again = await studio.finish(await studio.alice.press(result, "Again"))
    use = await studio.alice.press(again, "Edit")
    form = await use.form()
    values = {name: str(field.get("value") or "") for name, field in form.fields.items()}
    assert '--set refiner="XL turbo" --set shift=2.5' in values["settings"]
    await studio.finish(await studio.alice.submit(use, **values))
    options = [job.request.params.options for job in await studio.jobs(studio.alice)]
    assert len(options) == 3
    assert len(set(options)) == 1


@pytest.mark.parametrize("button", ["Vary", "Upscale"])
async def test_going_on_from_a_picture_drops_what_is_for_prompts_alone(
    studio: Studio, button: str
) -> None:
    result = await studio.imagine(studio.alice, "a fox", options="hires_upscaler=ESRGAN, shift=2")
    await studio.finish(await studio.alice.press(result, button))
    second, _ = await studio.jobs(studio.alice)
    assert second.request.params.options == (Setting(name="shift", value=2.0),)


async def test_options_are_suggested_with_what_they_may_be(studio: Studio) -> None:
    assert await suggestions(studio, "") == [
        ("restore_faces= yes or no", "restore_faces="),
        ("shift= a number from 0 to 12", "shift="),
        ("refiner= one of XL, XL turbo", "refiner="),
        ("hires_upscaler= (What enlarges) a text", "hires_upscaler="),
    ]
    assert await suggestions(studio, "face") == [("restore_faces= yes or no", "restore_faces=")]


async def test_values_are_suggested_for_the_last_option_of_a_list(studio: Studio) -> None:
    assert await suggestions(studio, "restore_faces=") == [
        ("restore_faces=yes", "restore_faces=yes"),
        ("restore_faces=no", "restore_faces=no"),
    ]
    both = 'shift=2, refiner="XL turbo"'
    assert await suggestions(studio, "shift=2, refiner=tur") == [(both, both)]
    assert await suggestions(studio, "shift=") == [("shift=3", "shift=3")]
    assert await suggestions(studio, "shift=4") == [("shift=4", "shift=4")]
