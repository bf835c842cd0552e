"""What is put on a model at its load: what it does to pictures, and what is told if it fails."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.attention_dispatch import AttentionBackendName

from generation import demo_model
from generation.worker.gatherer import Gatherer
from generation.worker.pixels import decode_latents
from generation.worker.settings import LocalModel, Speed
from generation.worker.slots import known_slots
from generation.worker.speed.plan import Place, make_plan
from generation.worker.speed.techniques import lay_out, remember_steps
from tests.generation.worker.speed.conftest import Backend, Model, Open

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model

OFF: dict[str, Any] = {"compile": "off"}
CARD = Place(device=torch.device("cuda"), dtype=torch.bfloat16, capability=(9, 0))
MANY = 16


def difference(one: torch.Tensor, other: torch.Tensor) -> int:
    return int((one.int() - other.int()).abs().max())


@pytest.mark.parametrize(
    ("architecture", "change"),
    [
        ("sd15", {"channels_last": "on"}),
        ("sd15", {"fuse_qkv": True}),
        ("flux", {"channels_last": "on"}),
        ("flux", {"fuse_qkv": True}),
        ("qwen-image", {"channels_last": "on"}),  # its VAE also convolves over time
    ],
)
def test_what_is_called_lossless_changes_at_most_the_last_bit(
    load: Open, architecture: str, change: dict[str, Any]
) -> None:
    before = load(architecture, **OFF).draw()
    changed = load(architecture, **OFF, **change)
    assert difference(changed.draw(), before) <= 1
    assert changed.said == []


def test_channels_last_is_for_models_with_convolutions(load: Open) -> None:
    unet = load("sd15", **OFF, channels_last="on").loaded.denoiser
    assert unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    transformer = load("flux", **OFF, channels_last="on").loaded
    assert all(each.is_contiguous() for each in transformer.denoiser.parameters())
    vae = transformer.base.vae
    assert vae.decoder.conv_in.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("tf32", ["on", "off"])
def test_tf32_is_for_products_and_convolutions_alike(
    load: Open, monkeypatch: pytest.MonkeyPatch, tf32: str
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", tf32 == "off")
    asked = list[str]()
    monkeypatch.setattr(torch, "set_float32_matmul_precision", asked.append)
    model = load("sd15", **OFF)
    plan = make_plan(Speed(**OFF, tf32=tf32), CARD, type(model.loaded.denoiser), MANY)
    assert lay_out(model.loaded.base, model.loaded.denoiser, plan, CARD) == ()
    assert asked == ["high" if tf32 == "on" else "highest"]
    assert torch.backends.cudnn.allow_tf32 is (tf32 == "on")


@pytest.mark.parametrize("is_fused", [False, True])
def test_a_model_with_fused_weights_offers_no_loras(device: Gatherer, is_fused: bool) -> None:
    demo = LocalModel(
        name="demo",
        title="Demo",
        path=demo_model.MODEL_DIR,
        loras=tuple(demo_model.LORAS.values()),
        speed=Speed(fuse_qkv=is_fused),
    )
    loras = Model(demo, device).loaded.info.loras
    assert len(loras) == (0 if is_fused else len(demo_model.LORAS))


def test_attention_that_is_not_installed_is_told_and_left_as_it_was(load: Open) -> None:
    model = load("flux", **OFF)
    plan = make_plan(Speed(attention="sage"), CARD, type(model.loaded.denoiser), MANY)
    (problem,) = lay_out(model.loaded.base, model.loaded.denoiser, plan, model.shelf._place)
    assert problem.startswith("attention is not used: ")
    assert "pip install" in problem or "Please install" in problem
    model.draw()


def test_attention_that_the_model_would_not_heed_is_told(load: Open) -> None:
    model = load("sd15", **OFF)
    plan = make_plan(Speed(attention="cudnn"), CARD, type(model.loaded.denoiser), MANY)
    (problem,) = lay_out(model.loaded.base, model.loaded.denoiser, plan, model.shelf._place)
    assert problem == "attention is left as it is: a UNet2DConditionModel knows no other"


def test_the_next_model_does_not_inherit_the_last_ones_attention(load: Open) -> None:
    model = load("flux", **OFF)
    model.loaded.denoiser.set_attention_backend("_native_math")
    after = load("flux", **OFF).loaded.denoiser
    processor = after.transformer_blocks[0].attn.processor
    assert processor._attention_backend is AttentionBackendName.NATIVE


@pytest.mark.parametrize("cache", ["first-block", "taylorseer"])
def test_a_cache_skips_steps_and_forgets_them_between_jobs(load: Open, cache: str) -> None:
    model = load("flux", **OFF, cache=cache, cache_threshold=0.5)
    assert known_slots(model.loaded, 8) == 1
    calls = []
    inner = model.loaded.denoiser.single_transformer_blocks[-1].attn.to_q
    hook = inner.register_forward_hook(lambda *_: calls.append(1))
    first = model.draw(steps=MANY)
    hook.remove()
    assert 0 < len(calls) < MANY
    other = model.draw(steps=MANY, seed=8)
    assert torch.equal(model.draw(steps=MANY), first)
    assert not torch.equal(first, other)


def test_a_cache_and_programs_go_together(load: Open, backend: Backend) -> None:
    model = load("flux", cache="first-block", cache_threshold=0.5)
    before = model.draw(steps=MANY)
    model.compile()
    backend.ran = 0
    assert torch.equal(model.draw(steps=MANY), before)
    assert 0 < backend.ran < MANY * model.blocks  # the first block of each step, at the least


def test_a_cache_that_diffusers_cannot_put_on_is_told(load: Open) -> None:
    model = load("flux", **OFF)
    plan = make_plan(Speed(cache="taylorseer"), CARD, type(model.loaded.denoiser), MANY)
    assert remember_steps(model.loaded.denoiser, plan) == ()
    (problem,) = remember_steps(model.loaded.denoiser, plan)
    assert problem.startswith("cache is not used: Caching has already been enabled")


class Vae:
    use_tiling = False

    def __init__(self) -> None:
        self.tiled: list[bool] = []
        self.dtype = torch.float32

    def enable_tiling(self) -> None:
        self.use_tiling = True

    def disable_tiling(self) -> None:
        self.use_tiling = False

    def decode(self, latents: torch.Tensor, *, return_dict: bool) -> tuple[torch.Tensor]:
        assert not return_dict
        self.tiled.append(self.use_tiling)
        ramp = torch.linspace(-1, 1, latents.shape[-1]).expand(len(latents), 3, 8, -1)
        return (ramp,)


def test_only_pictures_above_the_bound_are_decoded_in_tiles() -> None:
    vae = Vae()
    for side in (64, 65):
        latents = torch.zeros(2, 4, 8, side)
        (decoded, _) = decode_latents(vae, latents, device=torch.device("cpu"), tiles_above=64)
        assert decoded.notes == ()  # the operator wanted it
    assert vae.tiled == [False, True]
    assert not vae.use_tiling
