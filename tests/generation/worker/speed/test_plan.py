"""What is decided for a model: by the operator's words, its device and its class."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import diffusers
import pytest
import torch

from bot.config import speed as config
from generation.worker.settings import Speed
from generation.worker.speed.plan import ATTENTION, Place, Plan, make_plan

UNET = diffusers.UNet2DConditionModel
FLUX = diffusers.FluxTransformer2DModel
PROCESSOR = Place(device=torch.device("cpu"), dtype=torch.float32)
CARD = Place(device=torch.device("cuda"), dtype=torch.bfloat16, capability=(9, 0))
EVERYTHING = Speed(
    compile="on",
    attention="flash",
    channels_last="on",
    fuse_qkv=True,
    tf32="on",
    quantise="fp8",
    cache="taylorseer",
    vae_tiles_above=1024,
)


@pytest.fixture(autouse=True)
def all_installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    absent: set[str] = set()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in absent else 1)
    return absent.add


def plan(speed: Speed, place: Place, denoiser: type = FLUX, steps: int = 28) -> Plan:
    return make_plan(speed, place, denoiser, steps)


def test_on_a_processor_nothing_is_done_unless_asked_for() -> None:
    made = plan(Speed(), PROCESSOR)
    assert made.describe() == "compile off (no gain on cpu), attention native"
    assert made.problems == ()
    assert made.suits_loras


def test_on_a_card_only_that_is_done_which_changes_no_picture() -> None:
    made = plan(Speed(), CARD)
    assert made.describe() == "compile, attention native, channels last, TF32"
    assert made.problems == ()
    assert made.suits_loras


def test_everything_that_is_asked_for_is_done_where_it_can_be() -> None:
    made = plan(EVERYTHING, CARD)
    assert made.describe() == (
        "compile, attention flash, channels last, fused QKV, TF32, weights in fp8, "
        "taylorseer cache, VAE in tiles above 1024 pixels"
    )
    assert made.problems == ()
    assert not made.suits_loras


def test_what_cannot_be_had_is_left_out_and_each_is_told() -> None:
    made = plan(EVERYTHING, PROCESSOR, UNET)
    assert made.describe() == (
        "compile, attention native, channels last, fused QKV, VAE in tiles above 1024 pixels"
    )
    assert made.problems == (
        'attention = "flash" is not used: it needs a graphics card',
        'tf32 = "on" is not used: this device has no such numbers',
        'quantise = "fp8" is not used: it needs a graphics card',
        'cache = "taylorseer" is not used: diffusers has none for UNet2DConditionModel',
    )


def test_float32_on_a_card_keeps_its_precision() -> None:
    precise = Place(device=CARD.device, dtype=torch.float32, capability=(9, 0))
    assert not plan(Speed(), precise).tf32
    assert plan(Speed(tf32="on"), precise).tf32


@pytest.mark.parametrize(
    ("capability", "kind", "why"),
    [
        ((8, 9), "fp8", ""),
        ((8, 6), "fp8", "this card is too old for it"),
        ((8, 0), "int8", ""),
        ((7, 5), "int8", "this card is too old for it"),
    ],
)
def test_eight_bits_need_a_card_that_has_them(
    capability: tuple[int, int], kind: str, why: str
) -> None:
    card = Place(device=CARD.device, dtype=torch.bfloat16, capability=capability)
    made = plan(Speed(quantise=kind), card)
    assert made.quantise == (None if why else kind)
    assert made.problems == ((f'quantise = "{kind}" is not used: {why}',) if why else ())


def test_weights_are_not_quantised_where_nothing_is_compiled(
    all_installed: Callable[[str], None],
) -> None:
    all_installed("triton")
    made = plan(Speed(quantise="int8"), CARD)
    assert made.why_not_compiled == "Triton is not installed"
    assert made.quantise is None
    assert "only pays when the model is compiled" in made.problems[0]


def test_a_missing_library_is_named_with_the_way_to_get_it(
    all_installed: Callable[[str], None],
) -> None:
    all_installed("torchao")
    (problem,) = plan(Speed(quantise="int8"), CARD).problems
    assert problem.endswith("torchao is not installed; pip install torchao")


def test_a_model_of_few_steps_gets_no_cache() -> None:
    made = plan(Speed(cache="first-block"), CARD, steps=4)
    assert made.cache is None
    assert made.problems == (
        'cache = "first-block" is not used: a model of 4 steps has none to skip',
    )


def test_the_configuration_knows_exactly_the_ways_that_the_worker_knows() -> None:
    assert tuple(ATTENTION) == config.ATTENTION
