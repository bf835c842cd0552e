"""What single files hold, by the names and shapes that published models have."""

from __future__ import annotations

import inspect
import json
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from generation.errors import Unavailable
from generation.worker.checkpoints import Checkpoint, recognise
from generation.worker.headers import Header
from generation.worker.own_settings import settings_of, write_folder
from generation.worker.random_models.parts import Architecture, Part
from generation.worker.random_models.source import random_model
from tests.generation.worker.single_files import tensors_of

NOWHERE = torch.device("meta")

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they build a model


@cache
def pipe(name: str) -> Any:
    """The model in its published size, without memory for its weights."""
    return random_model(Path(f"random:{name}")).load(torch.float16, NOWHERE)


def header_of(tensors: dict[str, torch.Tensor], **notes: str) -> Header:
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    return Header(shapes=shapes, metadata={key.replace("_", ".", 1): v for key, v in notes.items()})


def found(name: str, stem: str = "some-model", **notes: str) -> Checkpoint:
    return recognise(header_of(tensors_of(pipe(name)), **notes), stem)


def refusal(shapes: dict[str, tuple[int, ...]]) -> str:
    with pytest.raises(Unavailable) as caught:
        recognise(Header(shapes=shapes, metadata={}), "some-model")
    return caught.value.detail or ""


def settings(checkpoint: Checkpoint, part: str) -> Part:
    architecture = settings_of(checkpoint)
    assert isinstance(architecture, Architecture)
    wanted = architecture.parts[part]
    assert isinstance(wanted, Part)
    return wanted


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("sd15", "Stable Diffusion 1"),
        ("sd21", "Stable Diffusion 2"),
        ("sdxl", "Stable Diffusion XL"),
    ],
)
def test_unets_are_told_apart_by_the_texts_they_look_at(name: str, title: str) -> None:
    checkpoint = found(name)
    assert (checkpoint.title, checkpoint.architecture) == (title, name)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("flux", "FLUX.1 (dev)"),
        ("flux-schnell", "FLUX.1 (schnell)"),
        ("z-image", "Z-Image"),
        ("lumina2", "Lumina Image 2"),
        ("qwen-image", "Qwen-Image"),
        ("chroma", "Chroma"),
    ],
)
def test_transformers_are_told_apart_by_their_layers(name: str, title: str) -> None:
    assert recognise(header_of(pipe(name).transformer.state_dict()), "x").title == title


def test_the_original_names_of_flux_are_known() -> None:
    shapes = {"double_blocks.0.img_attn.norm.key_norm.scale": (128,), "img_in.weight": (3072, 64)}
    schnell = recognise(Header(shapes=shapes, metadata={}), "x")
    dev = recognise(Header(shapes={**shapes, "guidance_in.in_layer.bias": (1,)}, metadata={}), "x")
    assert (schnell.title, dev.title) == ("FLUX.1 (schnell)", "FLUX.1 (dev)")
    assert "needs depth or edges" in refusal({**shapes, "img_in.weight": (3072, 128)})


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"lora_unet_mid_block.lora_down.weight": (8, 320)}, "LoRA: put it into a folder of lora"),
        ({"emb_params": (4, 768)}, "textual inversion: put it into a folder of embedding"),
        ({"clip_l": (4, 768), "clip_g": (4, 1280)}, "textual inversion"),
        ({"control_model.time_embed.0.weight": (8, 8)}, "ControlNet"),
        ({"decoder.conv_in.weight": (512, 4, 3, 3)}, "VAE alone"),
        ({"model.0.weight": (64, 3, 3, 3)}, "no model of a known kind"),
        ({}, "no model of a known kind"),
    ],
)
def test_what_is_no_whole_model_is_named(shapes: dict[str, tuple[int, ...]], words: str) -> None:
    assert words in refusal(shapes)


@pytest.mark.parametrize("name", ["sd15-inpainting", "sdxl-inpainting", "instruct-pix2pix"])
def test_a_unet_that_looks_at_pictures_is_told_by_its_first_layer(name: str) -> None:
    assert found(name).architecture == name


def test_a_unet_of_other_channels_is_refused() -> None:
    name = "model.diffusion_model.input_blocks.0.0.weight"
    shapes = dict(header_of(tensors_of(pipe("sd15"))).shapes)
    assert "takes 5 channels" in refusal({**shapes, name: (320, 5, 3, 3)})


@pytest.mark.parametrize(
    ("name", "stem", "pipeline"),
    [
        ("flux-kontext", "flux1-kontext-dev", "FluxKontextPipeline"),
        ("flux-fill", "anything", "FluxFillPipeline"),
        ("qwen-image-edit", "qwen_image_edit", "QwenImageEditPipeline"),
        ("qwen-image-edit-plus", "qwen_image_edit_2509", "QwenImageEditPlusPipeline"),
    ],
)
def test_transformers_that_look_at_pictures_are_told_apart(
    name: str, stem: str, pipeline: str
) -> None:
    header = header_of(pipe(name).transformer.state_dict())
    assert recognise(header, stem).pipeline == pipeline


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("sd_xl_turbo_1.0_fp16", True),
        ("juggernautXL_v9Lightning", True),
        ("model-lcm-v2", True),
        ("Hyper-SDXL", True),
        ("hyperrealism_v3", False),
        ("dreamshaperXL", False),
    ],
)
def test_models_of_few_steps_are_told_by_the_file_s_name(stem: str, *, expected: bool) -> None:
    checkpoint = found("sdxl", stem)
    assert checkpoint.is_distilled is expected
    spacing = settings(checkpoint, "scheduler").config["timestep_spacing"]
    assert (spacing == "trailing") is expected


def test_stable_diffusion_2_predicts_v_unless_it_is_a_base_model() -> None:
    assert found("sd21").predicts == "v_prediction"
    base = found("sd21", "v2-1_512-base")
    assert base.predicts == "epsilon"
    assert settings(base, "unet").config["sample_size"] == 64
    assert found("sd21", modelspec_prediction_type="epsilon").predicts == "epsilon"


def test_what_a_file_says_it_predicts_counts() -> None:
    marked = recognise(
        header_of({**tensors_of(pipe("sdxl")), "v_pred": torch.empty(0, device=NOWHERE)}), "x"
    )
    assert marked.predicts == "v_prediction"
    config = settings(marked, "scheduler").config
    assert (config["prediction_type"], config["rescale_betas_zero_snr"]) == ("v_prediction", True)


@pytest.mark.parametrize("name", ["sd15", "sd21", "sdxl", "sd15-inpainting"])
def test_written_settings_leave_nothing_open(name: str, tmp_path: Path) -> None:
    known = settings_of(found(name))
    assert known is not None
    write_folder(known, tmp_path)
    for part in ("unet", "vae", "scheduler"):
        (path,) = (tmp_path / part).glob("*config.json")
        written = json.loads(path.read_text())
        kind: Any = getattr(diffusers, written.pop("_class_name"))
        asked = set(inspect.signature(kind.__init__).parameters) - {"self"}
        assert set(written) == asked
