"""Some of a backend's models, under an operator's names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generation.backends.base import Done, Work
from generation.backends.chosen import Choice, ChosenBackend
from generation.backends.scripted import TEST_CARD, ScriptedBackend
from generation.catalog import Catalog
from generation.errors import Unavailable
from generation.types import new_job_id
from tests.generation.stage import params

XL = replace(TEST_CARD, name="sd_xl_base_1.0", title="sd_xl_base_1.0.safetensors [31e3]")
SMALL = replace(TEST_CARD, name="small", title="small.safetensors")


def chosen(*choices: Choice) -> ChosenBackend:
    return ChosenBackend(ScriptedBackend("ui", models=(XL, SMALL), step_seconds=0.0), choices)


async def test_only_the_chosen_are_offered_in_their_order_and_dress() -> None:
    backend = chosen(
        Choice(name="small", model="Small"),
        Choice(name="sdxl", model="sd_xl_base_1.0.safetensors [31e3]", width=1000, steps=200),
    )
    small, sdxl = (await backend.capabilities()).models
    assert (small.name, small.title, small.aliases) == ("small", "small", ("small.safetensors",))
    assert (sdxl.name, sdxl.title, sdxl.width, sdxl.height) == ("sdxl", "sdxl", 1000, 512)
    assert sdxl.steps == sdxl.max_steps


async def test_its_engines_own_name_still_finds_it() -> None:
    backend = chosen(Choice(name="sdxl", model="sd_xl_base_1.0", title="XL"))
    catalog = Catalog()
    await catalog.refresh([backend])
    for name in ("sdxl", "XL", "sd_xl_base_1.0", "sd_xl_base_1.0.safetensors [31e3]"):
        assert catalog.find(name).name == "sdxl"


async def test_a_job_is_drawn_under_the_engines_own_name() -> None:
    backend = chosen(Choice(name="sdxl", model="sd_xl_base_1.0"))
    await backend.capabilities()
    assert (await backend.health()).resident_model == "sdxl"
    job = params(model="sdxl", steps=1, width=64, height=64)
    events = [event async for event in backend.run(Work.of(new_job_id(), job, ()))]
    assert isinstance(events[-1], Done)


async def test_what_it_does_not_have_is_noted() -> None:
    backend = chosen(
        Choice(name="sdxl", model="sd_xl_base_1.0", sampler="Heun", scheduler="Beta"),
        Choice(name="gone", model="gone"),
    )
    (sdxl,) = (await backend.capabilities()).models
    assert (sdxl.sampler, sdxl.scheduler) == (XL.sampler, XL.scheduler)
    assert (await backend.health()).notes == (
        "it has no sampler “Heun” for sdxl",
        "it has no schedule “Beta” for sdxl",
        "it has no model “gone”, which is chosen for it",
    )


async def test_none_of_the_chosen_is_a_problem_that_names_what_there_is() -> None:
    with pytest.raises(Unavailable) as caught:
        await chosen(Choice(name="x", model="x")).capabilities()
    assert caught.value.detail == (
        "ui has none of the models chosen for it. It offers: sd_xl_base_1.0, small."
    )


async def test_cancelling_and_closing_reach_the_engine() -> None:
    backend = chosen(Choice(name="small", model="small"))
    await backend.cancel(new_job_id())
    await backend.aclose()
    assert not (await backend.health()).ok
