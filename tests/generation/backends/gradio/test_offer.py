"""What members may choose: the inputs' own ranges, choices and defaults."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generation.backends.base import ModelInfo, OptionInfo, OptionKind
from generation.backends.gradio.offer import make_offer
from generation.backends.gradio.plan import make_plans
from generation.backends.gradio.report import lines
from generation.types import Task
from tests.generation.backends.gradio.recordings import ALL_SHAPES, VERSIONS, app_of


def offered(version: str, shape: str) -> tuple[ModelInfo, ...]:
    app = app_of(version, shape)
    return make_offer(app, make_plans(app, None, {}), "toy").models


@pytest.mark.parametrize("version", VERSIONS)
def test_the_usual_space_offers_its_own_ranges(version: str) -> None:
    (model,) = offered(version, "space")
    assert model.name == model.title == "Easel's space"
    assert (model.width, model.height, model.multiple_of) == (512, 512, 8)
    assert (model.min_side, model.max_side) == (64, 1024)
    assert (model.min_steps, model.steps, model.max_steps) == (2, 25, 75)
    assert (model.min_guidance, model.guidance_scale, model.max_guidance) == (0, 7.5, 15)
    assert model.strength == 0.5
    assert model.tasks == {Task.TXT2IMG, Task.IMG2IMG}
    assert model.uses_negative_prompt
    assert model.uses_guidance
    assert model.samplers == ("Automatic",)


@pytest.mark.parametrize("title", ["", "Gradio"])
def test_an_app_without_a_title_is_called_by_its_backend(title: str) -> None:
    app = replace(app_of("6.31.0", "space"), title=title)
    (model,) = make_offer(app, make_plans(app, None, {}), "toy").models
    assert model.name == model.title == "toy"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_input_without_a_role_is_an_option_of_its_own(version: str) -> None:
    (model,) = offered(version, "space")
    (option,) = model.options
    assert option.name.startswith("prefix")
    assert option == OptionInfo(
        name=option.name,
        title="Prefix styling tokens automatically (toy style)",
        kind=OptionKind.SWITCH,
        default=True,
        tasks=frozenset({Task.TXT2IMG, Task.IMG2IMG}),
    )


@pytest.mark.parametrize("version", ALL_SHAPES)
def test_each_model_of_an_app_is_a_model_and_its_default_comes_first(version: str) -> None:
    models = offered(version, "gallery")
    assert [model.name for model in models] == ["toy-xl", "toy-1.5"]
    assert models[0].samplers == ("Euler a", "DPM++ 2M")
    assert models[0].sampler == "Euler a"
    assert models[0].max_count == 4
    style, upscale = models[0].options
    assert (style.kind, style.choices) == (OptionKind.CHOICE, ("(none)", "Photo", "Comic"))
    assert (style.default, upscale.default) == ("(none)", False)


@pytest.mark.parametrize("version", ALL_SHAPES)
def test_what_an_app_does_not_take_is_not_offered(version: str) -> None:
    (model,) = offered(version, "single")
    assert not model.uses_negative_prompt
    assert not model.uses_guidance
    assert (model.steps, model.max_steps) == (1, 1)
    assert model.min_side == model.max_side


@pytest.mark.parametrize("version", ALL_SHAPES)
def test_sides_go_in_the_sliders_steps(version: str) -> None:
    (model,) = offered(version, "template")
    assert (model.multiple_of, model.min_side, model.max_side) == (32, 256, 1024)


def test_the_operator_reads_what_became_of_each_input() -> None:
    app = app_of("6.31.0", "single")
    told = lines(make_plans(app, None, {}))
    assert told[0] == "either draws from a prompt: prompt, seed, image, strength"
    assert any("no input was found for steps, guidance_scale, negative_prompt" in t for t in told)
    space = app_of("6.31.0", "space")
    told = lines(make_plans(space, None, {}))
    assert "txt2img: options of its own: prefix" in told
    assert "seed = “Seed (0 = random)”" in told[0]
