"""From a web UI's lists to what members may choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from generation.backends.a1111 import own_options
from generation.backends.a1111.guesses import guess
from generation.backends.a1111.offer import capabilities
from generation.backends.base import ModelInfo
from generation.types import Task
from tests.generation.backends.a1111.lists import listing_of
from tests.servers.a1111 import A1111Twin
from tests.servers.a1111_relatives import ForgeTwin, KoboldTwin, PartialTwin, SdCppTwin, SdNextTwin
from tests.servers.twin import Twin


async def first(twin: type[Twin] = A1111Twin) -> ModelInfo:
    return capabilities(await listing_of(twin)).models[0]


async def test_the_loaded_checkpoint_is_the_default_and_keeps_the_owners_clip_skip() -> None:
    listing = await listing_of()
    settings = dict(listing.settings) | {
        "sd_model_checkpoint": "tinyrand-b.safetensors",
        "CLIP_stop_at_last_layers": 2,
    }
    offer = capabilities(replace(listing, settings=settings))
    assert [model.name for model in offer.models] == ["tinyrand-b", "tinyrand-a", "dreamXL_v1"]
    assert offer.models[0].clip_skip == 2


async def test_loras_embeddings_and_controls_are_offered_with_what_is_known_of_them() -> None:
    model = await first()
    (lora,) = model.loras
    assert (lora.name, lora.title, lora.triggers, lora.base) == ("ink", "Ink", ("in ink",), "sd_v1")
    assert model.embeddings == ("easynegative",)
    (control,) = model.controls
    assert (control.name, control.prepares) == ("canny", True)  # the other type has no model


async def test_tools_are_the_upscalers_and_the_interrogator_of_those_that_have_them() -> None:
    tools = capabilities(await listing_of()).tools
    assert [tool.name for tool in tools if tool.task is Task.UPSCALE] == [
        "Lanczos",
        "Nearest",
        "R-ESRGAN 4x+",
    ]
    assert [tool.name for tool in tools if tool.task is Task.DESCRIBE] == ["clip"]
    for twin in (SdNextTwin, SdCppTwin, KoboldTwin):
        assert capabilities(await listing_of(twin)).tools == ()


@pytest.mark.parametrize(
    ("twin", "has", "lacks"),
    [
        (A1111Twin, {"style", "vae", "refiner", "s_churn", "detailer", "hires_sampler"}, set()),
        (ForgeTwin, {"distilled_guidance", "module"}, set()),
        (SdNextTwin, {"style", "detailer"}, {"s_churn", "refiner", "restore_faces"}),
        (SdCppTwin, set(), {"style", "s_churn"}),
        (KoboldTwin, set(), {"style", "s_churn"}),
    ],
)
async def test_options_are_offered_where_they_have_an_effect(
    twin: type[Twin], has: set[str], lacks: set[str]
) -> None:
    names = {option.name for option in (await first(twin)).options}
    assert has <= names
    assert not lacks & names


async def test_no_two_options_have_the_same_name_and_choices_have_something_to_choose() -> None:
    for twin in (A1111Twin, ForgeTwin, SdNextTwin):
        options = (await first(twin)).options
        assert len({option.name for option in options}) == len(options)
        assert all(option.choices for option in options if option.kind == "choice")
        assert all(option.tasks for option in options)


async def test_every_offered_option_reaches_the_request() -> None:
    listing = await listing_of(ForgeTwin)
    special = {
        "style",
        "hypernetwork",
        "hypernetwork_weight",
        "detailer",
        "detailer_prompt",
        "detailer_strength",
        "hires_upscaler",
        "masked_content",
        "module",
    }
    placed = {field.option.name for field in own_options.fields(listing) if field.path}
    assert {option.name for option in own_options.offered(listing)} == placed | special
    assert not placed & special


async def test_a_server_that_takes_sixty_fours_and_no_masks_says_so() -> None:
    model = await first(KoboldTwin)
    assert (model.multiple_of, model.max_side) == (64, 1024)
    assert model.tasks == {Task.TXT2IMG, Task.IMG2IMG}
    assert model.loras == ()


async def test_a_server_without_lists_has_the_one_model_that_its_settings_name() -> None:
    (model,) = capabilities(await listing_of(PartialTwin)).models
    assert model.name == "a-model.ckpt"
    assert model.options == ()


async def test_a_web_ui_without_a_checkpoint_offers_none() -> None:
    listing = replace(await listing_of(), checkpoints=())
    assert capabilities(listing).models == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("v1-5-pruned-emaonly", {"side": 512, "guidance": 7.0}),
        ("sd_xl_base_1.0", {"side": 1024, "guidance": 6.0}),
        ("ponyDiffusionV6XL", {"side": 1024}),
        ("juggernautXL_lightning", {"side": 1024, "steps": 8, "guidance": 1.5}),
        ("flux1-dev-bnb-nf4", {"side": 1024, "guidance": 1.0, "scheduler": "Simple"}),
        ("flux1-schnell", {"steps": 4}),
        ("v2-1_768-ema-pruned", {"side": 768}),
    ],
)
def test_a_checkpoint_s_defaults_are_guessed_from_its_name(
    name: str, expected: Mapping[str, object]
) -> None:
    guessed = guess(name)
    assert {key: getattr(guessed, key) for key in expected} == expected
