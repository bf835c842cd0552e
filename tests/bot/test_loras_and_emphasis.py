"""LoRAs, emphasis and samplers, from what a member types to the job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generation.backends.base import LoraInfo
from generation.backends.scripted import TEST_CARD
from generation.types import Lora
from tests.bot.studio import Studio

MODEL = replace(
    TEST_CARD,
    samplers=("Euler a", "DPM++ 2M", "DPM++ 2M SDE", "DDIM"),
    schedulers=("Automatic", "Karras"),
    loras=(
        LoraInfo(name="ink", title="Ink wash", triggers=("inkwash", "old paper")),
        LoraInfo(name="neon", title="neon"),
    ),
    misfits=(LoraInfo(name="glow", base="Stable Diffusion XL"),),
    embeddings=("badhands",),
    uses_emphasis=True,
    eta_samplers=("DDIM",),
    max_clip_skip=12,
)


@pytest.fixture(autouse=True)
async def dressed(studio: Studio) -> None:
    await studio.offer(MODEL)


async def suggestions(studio: Studio, option: str, text: str) -> list[tuple[str, str]]:
    found = await studio.alice.autocomplete("imagine", typing=option, text=text, prompt="a")
    return [(str(choice["name"]), str(choice["value"])) for choice in found]


async def test_loras_come_from_the_option_the_flag_and_the_prompt(studio: Studio) -> None:
    result = await studio.imagine(
        studio.alice, "a fox <lora:neon:0.5> --clip-skip 2", lora="INK:0.8,"
    )
    params = (await studio.only_job(studio.alice)).request.params
    assert params.loras == (Lora(name="ink", weight=0.8), Lora(name="neon", weight=0.5))
    assert params.prompt == "a fox"
    assert params.clip_skip == 2
    assert all(part in result.text for part in ("ink 0.8", "neon 0.5", "clip skip 2"))


async def test_a_lora_of_another_kind_of_model_is_refused_by_name(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox", lora="glow")
    refusal = await use.answered()
    assert "The LoRA glow is made for Stable Diffusion XL; testcard cannot use it." in refusal.text
    assert await studio.jobs(studio.alice) == []


async def test_loras_are_suggested_with_their_words_for_the_last_place(studio: Studio) -> None:
    ink = "ink (Ink wash), say: inkwash, old paper"
    assert await suggestions(studio, "lora", "") == [(ink, "ink"), ("neon", "neon")]
    assert await suggestions(studio, "lora", "paper") == [(ink, "ink")]
    assert await suggestions(studio, "lora", "ink:0.8, NE") == [("ink:0.8, neon", "ink:0.8, neon")]
    assert await suggestions(studio, "lora", "neon:0.4") == [("neon:0.4", "neon:0.4")]


async def test_a_sampler_typed_out_is_suggested_with_its_schedules(studio: Studio) -> None:
    assert await suggestions(studio, "sampler", "2m") == [
        ("DPM++ 2M", "DPM++ 2M"),
        ("DPM++ 2M SDE", "DPM++ 2M SDE"),
    ]
    typed = await suggestions(studio, "sampler", "dpm++ 2m k")
    assert typed == [("DPM++ 2M Karras", "DPM++ 2M Karras")]


async def test_a_joined_sampler_name_reaches_the_job_in_its_two_parts(studio: Studio) -> None:
    await studio.imagine(studio.alice, "a fox", sampler="DPM++ 2M Karras")
    await studio.imagine(studio.bob, "a fox --sampler dpmpp_2m_sde_karras")
    await studio.imagine(studio.carol, "a fox --sampler DDIM --eta 0.5")
    chosen = [
        (job.request.params.sampler, job.request.params.scheduler, job.request.params.eta)
        for member in (studio.alice, studio.bob, studio.carol)
        for job in await studio.jobs(member)
    ]
    assert chosen == [
        ("DPM++ 2M", "Karras", 0.0),
        ("DPM++ 2M SDE", "Karras", 0.0),
        ("DDIM", "Automatic", 0.5),
    ]


async def test_brackets_stay_in_the_prompt_and_a_wild_weight_is_refused(studio: Studio) -> None:
    await studio.imagine(studio.alice, "a (red:1.3) fox :)")
    job = await studio.only_job(studio.alice)
    assert job.request.params.prompt == "a (red:1.3) fox :)"
    use = await studio.bob.slash("imagine", prompt="a fox (aspect 16:9)")
    refusal = await use.answered()
    assert "from -4 to 4, not 9" in refusal.text
    assert "a fox (aspect 16:9)" in refusal.text


async def test_drawing_again_keeps_loras_eta_and_clip_skip(studio: Studio) -> None:
    result = await studio.imagine(
        studio.alice, "a fox --sampler DDIM --eta 0.5 --clip-skip 3 --lora ink:0.7"
    )
    again = await studio.alice.press(result, "Again")
    await studio.finish(again)
    first, second = [job.request.params for job in await studio.jobs(studio.alice)]
    assert replace(first, seed=0) == replace(second, seed=0)


async def test_help_names_the_words_with_a_learned_meaning(studio: Studio) -> None:
    use = await studio.alice.slash("help")
    assert "Words with a learned meaning: badhands" in (await use.answered()).text
