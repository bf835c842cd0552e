"""One model on several engines is one model to members, and each wish goes where it can be had."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given, strategies as st

from generation.backends.base import (
    ControlInfo,
    LoraInfo,
    ModelInfo,
    OptionInfo,
    OptionKind,
)
from generation.backends.scripted import TEST_CARD
from generation.catalog import Catalog
from generation.errors import InvalidParams
from generation.merging import can_do, merged
from generation.prompt import Draft, parse_flags
from generation.types import Control, Lora, Params, Setting, Task

FIRST = replace(
    TEST_CARD,
    name="dream",
    title="Dream",
    samplers=("Euler a", "Heun"),
    schedulers=("Automatic",),
    tasks=frozenset({Task.TXT2IMG}),
    loras=(LoraInfo(name="ink"),),
    misfits=(LoraInfo(name="oil"),),
    multiple_of=64,
    min_side=256,
    max_side=1024,
    max_steps=50,
    max_count=2,
    max_references=0,
    uses_negative_prompt=False,
    options=(
        OptionInfo(
            name="shift", title="", kind=OptionKind.NUMBER, default=3.0, lowest=0, highest=5
        ),
    ),
)
SECOND = replace(
    FIRST,
    title="dream.safetensors",
    samplers=("Euler a", "DDIM"),
    schedulers=("Karras", "Automatic"),
    tasks=frozenset({Task.TXT2IMG, Task.IMG2IMG}),
    loras=(LoraInfo(name="oil"),),
    misfits=(),
    multiple_of=8,
    min_side=64,
    max_side=2048,
    max_steps=150,
    max_count=4,
    uses_negative_prompt=True,
    eta_samplers=("DDIM",),
    max_clip_skip=2,
    uses_subseed=True,
    max_references=1,
    looks=frozenset({Task.TXT2IMG}),
    controls=(ControlInfo(name="pose"), ControlInfo(name="canny", prepares=True)),
    uses_tiling=True,
    options=(
        OptionInfo(name="shift", title="", kind=OptionKind.NUMBER, lowest=-1, highest=12),
        OptionInfo(name="face", title="", kind=OptionKind.SWITCH),
    ),
)
CATALOG = Catalog((FIRST, SECOND))


def resolve(text: str, task: Task = Task.TXT2IMG) -> Params:
    return CATALOG.resolve(parse_flags(f"a cat {text}"), task=task)


def test_what_any_engine_can_do_may_be_asked_for() -> None:
    both = CATALOG.default
    assert CATALOG.models == (both,)
    assert (both.title, both.aliases) == ("Dream", ("dream.safetensors",))
    assert both.samplers == ("Euler a", "Heun", "DDIM")
    assert both.schedulers == ("Automatic", "Karras")
    assert both.tasks == {Task.TXT2IMG, Task.IMG2IMG}
    assert [lora.name for lora in both.loras] == ["ink", "oil"]
    assert both.misfits == ()
    assert (both.multiple_of, both.min_side, both.max_side) == (8, 64, 2048)
    assert (both.max_steps, both.max_count, both.max_clip_skip) == (150, 4, 2)
    assert both.uses_negative_prompt
    assert both.uses_subseed
    assert both.uses_tiling
    assert [control.name for control in both.controls] == ["pose", "canny"]
    shift, face = both.options
    assert (shift.default, shift.lowest, shift.highest) == (3.0, -1, 12)
    assert face.name == "face"


def test_options_of_one_name_and_two_kinds_are_the_first_ones() -> None:
    other = replace(SECOND, options=(OptionInfo(name="shift", title="", kind=OptionKind.TEXT),))
    assert merged((FIRST, other)).options == FIRST.options


def test_a_bound_that_one_engine_does_not_tell_is_open() -> None:
    other = replace(SECOND, options=(replace(SECOND.options[0], highest=None),))
    (shift,) = merged((FIRST, other)).options
    assert (shift.lowest, shift.highest) == (-1, None)


def test_the_first_engine_that_can_do_a_wish_says_what_was_left_open() -> None:
    assert resolve("--sampler Heun").scheduler == "Automatic"
    made = CATALOG.resolve(Draft(prompt="x", sampler="DDIM", width=72), task=Task.TXT2IMG)
    assert can_do(made, SECOND)
    assert not can_do(made, FIRST)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("--sampler LMS", "There is no sampler “LMS”. Available: Euler a, Heun, DDIM."),
        (
            "--sampler Heun --steps 100",
            (
                "Dream is drawn by several engines, and none of them can do all of this together. "
                "Please leave out one of these: sampler, steps."
            ),
        ),
        (
            "<lora:ink:1> <lora:oil:1>",
            (
                "Dream is drawn by several engines, and none of them can do all of this together. "
                "Please leave out one of these: loras."
            ),
        ),
    ],
)
def test_what_no_single_engine_can_do_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        resolve(text)
    assert caught.value.sentence == sentence


def test_a_task_is_judged_by_the_engines_that_have_it() -> None:
    assert can_do(resolve("--sampler DDIM", task=Task.IMG2IMG), SECOND)
    with pytest.raises(InvalidParams, match="leave out one of these: sampler"):
        resolve("--sampler Heun", task=Task.IMG2IMG)


@pytest.mark.parametrize(
    "changes",
    [
        {"task": Task.IMG2IMG, "strength": 0.5},
        {"width": 72},
        {"width": 2048},
        {"height": 64},
        {"steps": 51},
        {"count": 3},
        {"sampler": "DDIM"},
        {"sampler": "DDIM", "eta": 0.5},
        {"scheduler": "Karras"},
        {"loras": (Lora(name="oil"),)},
        {"negative_prompt": "text"},
        {"clip_skip": 2},
        {"subseed_strength": 0.1},
        {"references": 1},
        {"references": 1, "reference_weight": 0.5},
        {"controls": (Control(kind="pose", prepare=False),)},
        {"controls": (Control(kind="canny"),)},
        {"tiling": True},
        {"options": (Setting(name="face", value=True),)},
        {"options": (Setting(name="shift", value=9.0),)},
        {"hires": 2.0, "final_width": 1024, "final_height": 1024},
    ],
)
def test_a_job_goes_only_where_all_of_it_can_be_done(changes: dict[str, object]) -> None:
    plain = resolve("--seed 1")
    assert can_do(plain, FIRST)
    assert can_do(plain, SECOND)
    params = replace(plain, **changes)  # type: ignore[arg-type]  # real fields
    assert not can_do(params, FIRST)
    assert can_do(params, SECOND)


def test_fixed_sizes_hold_where_every_engine_has_them() -> None:
    small, large = replace(FIRST, sizes=((512, 512),)), replace(FIRST, sizes=((1024, 1024),))
    assert merged((small, large)).sizes == ((512, 512), (1024, 1024))
    assert merged((small, SECOND)).sizes == ()
    assert not can_do(resolve("--width 512 --height 512"), large)


def test_a_picture_that_must_be_prepared_needs_an_engine_that_prepares() -> None:
    params = replace(resolve("--seed 1"), controls=(Control(kind="pose", prepare=True),))
    assert not can_do(params, SECOND)


def test_an_engine_that_ignores_guidance_takes_its_own_alone() -> None:
    fixed = replace(FIRST, uses_guidance=False, guidance_scale=1.0)
    assert not can_do(resolve("--cfg 5"), fixed)
    assert can_do(resolve("--cfg 1"), fixed)


def test_an_engine_without_samplers_takes_no_wish_for_one() -> None:
    bare = replace(FIRST, samplers=(), schedulers=(), sampler="", scheduler="")
    assert not can_do(resolve("--sampler Heun"), bare)
    assert can_do(replace(resolve(""), sampler="", scheduler=""), bare)


@given(st.permutations([FIRST, SECOND, replace(SECOND, max_side=4096, options=())]))
def test_whatever_an_engine_resolves_it_can_do(offers: list[ModelInfo]) -> None:
    catalog = Catalog(offers)
    params = catalog.resolve(Draft(prompt="x", steps=20, count=2), task=Task.TXT2IMG)
    assert can_do(params, offers[0])


def test_merging_leaves_no_ability_out() -> None:
    """A new field of ``ModelInfo`` has to be thought of here."""
    first_describes = {
        "name",
        "title",
        "width",
        "height",
        "steps",
        "guidance_scale",
        "sampler",
        "scheduler",
        "strength",
        "clip_skip",
    }
    joined = {
        *("samplers", "schedulers", "tasks", "loras", "misfits", "embeddings", "sizes"),
        *("multiple_of",),
        *("min_side", "max_side", "min_steps", "max_steps", "min_guidance", "max_guidance"),
        *("max_count", "uses_negative_prompt", "uses_guidance", "uses_emphasis", "eta_samplers"),
        *("max_clip_skip", "uses_subseed", "max_references", "looks", "controls", "uses_tiling"),
        *("options", "aliases", "uses_reference_weight", "triggers", "licence"),
    }
    assert {field.name for field in fields(ModelInfo)} == first_describes | joined


def test_a_default_model_comes_first_whoever_offers_it() -> None:
    other = replace(TEST_CARD, name="other")
    assert Catalog((other, FIRST), preferred="dream").default is not other
    assert Catalog((other, FIRST), preferred="gone").default == other
