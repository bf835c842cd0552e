"""Values as strict as the strictest version wants them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from generation.backends.gradio.app import Choice, Component, Kind
from generation.backends.gradio.offer import options_for
from generation.backends.gradio.order import Pictures, app_seed, fill, fitted
from generation.backends.gradio.plan import Plan, make_plans
from generation.types import SEED_MAX, Params, Setting, Task
from tests.generation.backends.gradio.recordings import VERSIONS, app_of

PARAMS = Params(
    task=Task.TXT2IMG,
    model="toy",
    prompt="a red circle",
    negative_prompt="blue",
    width=256,
    height=512,
    steps=20,
    guidance_scale=7.0,
    sampler="Automatic",
    scheduler="Automatic",
    seed=11,
    count=1,
)
SLIDER = Component(kind=Kind.NUMBER, type="slider", default=4, lowest=2, highest=9, step=1)


def plan_of(version: str, shape: str, task: Task) -> Plan:
    return make_plans(app_of(version, shape), None, {})[task]


def filled(plan: Plan, params: Params = PARAMS, **pictures: object) -> list[object]:
    return fill(
        plan,
        params,
        seed=params.seed,
        count=1,
        options=options_for(plan, params),
        pictures=Pictures(**pictures),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_the_usual_space_gets_every_value_in_its_place(version: str) -> None:
    plan = plan_of(version, "space", Task.TXT2IMG)
    assert filled(plan) == ["a red circle", "blue", 7, 20, 256, 512, 11, True]
    img2img = plan_of(version, "space", Task.IMG2IMG)
    params = replace(PARAMS, task=Task.IMG2IMG, strength=0.7)
    assert filled(img2img, params, image="FILE")[8:] == ["FILE", 0.7]


@pytest.mark.parametrize("version", ["4.44.1", "6.31.0"])
def test_an_option_goes_where_it_belongs(version: str) -> None:
    plan = plan_of(version, "space", Task.TXT2IMG)
    chosen = replace(PARAMS, options=(Setting(name="prefix", value=False),))
    assert filled(plan, chosen)[-1] is False


def test_the_templates_switches_follow_what_is_asked() -> None:
    plan = plan_of("6.31.0", "template", Task.TXT2IMG)
    assert filled(plan)[2:5] == [True, 11, False]
    assert filled(plan, replace(PARAMS, negative_prompt=""))[2] is False


def test_a_choice_is_sent_as_its_value_and_a_state_as_nothing() -> None:
    plan = plan_of("6.31.0", "gallery", Task.TXT2IMG)
    params = replace(PARAMS, model="toy-1.5", sampler="DPM++ 2M")
    assert filled(plan, params) == [
        "a red circle",
        "toy-1.5",
        "DPM++ 2M",
        "(none)",
        1,
        False,
        None,
    ]


def test_a_painted_mask_is_sent_as_each_generation_wants_it() -> None:
    params = replace(PARAMS, task=Task.INPAINT)
    old = plan_of("3.36.0", "inpaint", Task.INPAINT)
    assert filled(old, params, image="IMG", mask="MASK")[0] == {"image": "IMG", "mask": "MASK"}
    new = plan_of("6.31.0", "inpaint", Task.INPAINT)
    sent = filled(new, params, image="IMG", layer="LAYER", composite="BOTH")[0]
    assert sent == {"background": "IMG", "layers": ["LAYER"], "composite": "BOTH"}


@pytest.mark.parametrize(
    ("value", "sent"), [(1, 2), (10, 9), (4.4, 4), (4.6, 5), ("7", 4), (True, 4), (None, 4)]
)
def test_a_number_is_brought_within_its_sliders_range_and_steps(value: object, sent: int) -> None:
    found = fitted(SLIDER, value)
    assert found == sent
    assert isinstance(found, int)


@given(st.floats(-1e6, 1e6))
def test_no_number_leaves_its_slider(value: float) -> None:
    fine = replace(SLIDER, lowest=0.1, highest=1.0, step=0.1)
    found = fitted(fine, value)
    assert isinstance(found, int | float)
    assert 0.1 <= found <= 1.0
    assert abs(found * 10 - round(found * 10)) < 1e-6


def test_a_choice_that_is_gone_is_left_at_its_default() -> None:
    choices = (Choice(title="One", value=1), Choice(title="Two", value=2))
    chooser = Component(kind=Kind.CHOICE, type="dropdown", default=1, choices=choices)
    assert fitted(chooser, "Two") == 2
    assert fitted(chooser, "Three") == 1


def test_seeds_count_on_within_what_the_app_takes() -> None:
    seeds = Component(kind=Kind.NUMBER, type="slider", label="Seed", lowest=0, highest=2**31 - 1)
    assert [app_seed(seeds, 11, index) for index in range(3)] == [11, 12, 13]
    assert [app_seed(seeds, 2**31 - 1, index) for index in range(2)] == [2**31 - 1, 0]
    assert app_seed(seeds, SEED_MAX, 0) <= 2**31 - 1
    assert [app_seed(None, SEED_MAX, index) for index in range(2)] == [SEED_MAX, 0]


@pytest.mark.parametrize(("label", "hint"), [("Seed (0 = random)", ""), ("Seed", "random if 0")])
@given(seed=st.integers(0, SEED_MAX), index=st.integers(0, 9))
def test_zero_is_never_sent_where_it_means_a_random_seed(
    label: str, hint: str, seed: int, index: int
) -> None:
    seeds = Component(
        kind=Kind.NUMBER, type="slider", label=label, hint=hint, lowest=0, highest=2147483647
    )
    sent = app_seed(seeds, seed, index)
    assert 1 <= sent <= 2147483647
    assert app_seed(seeds, sent, 0) == sent
