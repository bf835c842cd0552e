"""What a single safetensors file holds, told by the names and shapes of its weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from generation.errors import Unavailable
from generation.worker.headers import Header

Shapes = Mapping[str, tuple[int, ...]]

_DENOISER = "model.diffusion_model."
_TEXT_WIDTH = re.compile(r"\battn2\.to_k\.weight$")
_FIRST_LAYER = re.compile(r"(^|\.)input_blocks\.0\.0\.weight$")
_FEW_STEPS = re.compile(r"turbo|lightning|schnell|(?<![a-z])(lcm|hyper|dmd2?)(?![a-z])")
_LORA = ("lora_down", "lora_up", "lora_a.", "lora_b.", "hada_w1", "lokr_w1")
_EMBEDDING = frozenset({"emb_params", "clip_l", "clip_g"})
_VAE = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.", "first_stage_model.", "vae.")
_CONTROL = ("control_model.", "controlnet_", "input_hint_block.")
_PLAIN = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A model in a file: its kind in words, diffusers' pipeline for it, and what tells more.

    ``architecture`` names the settings that suit it when nothing else gives any; None where it
    also needs parts that no such file holds. ``is_distilled`` is True, False or, where its weights
    do not tell, None. ``predicts`` is what its UNet was trained to predict.
    """

    title: str
    pipeline: str
    architecture: str | None = None
    is_distilled: bool | None = None
    predicts: str = "epsilon"


def recognise(header: Header, stem: str) -> Checkpoint:
    """The model in a file called ``stem``. Raises ``Unavailable`` for what is no whole model."""
    shapes = {name.removeprefix(_DENOISER): shape for name, shape in header.shapes.items()}
    _require_model(shapes)
    for signs, make in _TRANSFORMERS:
        if any(sign in shapes for sign in signs):
            return make(shapes, stem)
    widths = {shape[-1] for name, shape in shapes.items() if _TEXT_WIDTH.search(name)}
    for width, found in _UNETS.items():
        if width in widths:
            return _with_habits(_of_its_channels(found, shapes), header, stem)
    raise Unavailable(
        detail="it is no model of a known kind; name a folder of the same kind: parts = …"
    )


def _require_model(shapes: Shapes) -> None:
    names = [name.lower() for name in shapes]
    if any(word in name for name in names for word in _LORA):
        raise Unavailable(detail="it is a LoRA: put it into a folder of lora_folders")
    if shapes and set(shapes) <= _EMBEDDING:
        raise Unavailable(
            detail="it is a textual inversion: put it into a folder of embedding_folders"
        )
    if any(name.startswith(_CONTROL) for name in names):
        raise Unavailable(detail="it is a ControlNet and no model that draws by itself")
    if names and all(name.startswith(_VAE) for name in names):
        raise Unavailable(detail="it is a VAE alone and no model that draws")


def _of_its_channels(found: Checkpoint, shapes: Shapes) -> Checkpoint:
    """The same kind of UNet, made to look at pictures where its first layer takes more."""
    channels = max(
        (shape[1] for name, shape in shapes.items() if _FIRST_LAYER.search(name)), default=_PLAIN
    )
    if channels == _PLAIN:
        return found
    wider = _WIDER.get((found.title, channels))
    if wider is None:
        raise Unavailable(
            detail=f"its UNet takes {channels} channels, which no kind of {found.title} here does"
        )
    return replace(
        found, title=wider.title, architecture=wider.architecture, pipeline=wider.pipeline
    )


def _with_habits(found: Checkpoint, header: Header, stem: str) -> Checkpoint:
    """With what its weights' names do not tell: few steps, and what it predicts."""
    prediction = header.metadata.get("modelspec.prediction_type", "").lower()
    named = stem.lower()
    if "v_pred" in header.shapes or prediction.startswith("v"):
        predicts = "v_prediction"
    elif prediction or "base" in named or found.predicts == "epsilon":
        predicts = "epsilon"
    else:
        predicts = found.predicts
    return replace(found, is_distilled=bool(_FEW_STEPS.search(named)), predicts=predicts)


def _flux(shapes: Shapes, stem: str) -> Checkpoint:
    inputs = shapes.get("img_in.weight") or shapes.get("x_embedder.weight") or (0, 64)
    if inputs[1] not in {64, 384}:
        raise Unavailable(
            detail="it is a FLUX.1 that needs depth or edges; use dev, schnell, Kontext or Fill"
        )
    guides = ("guidance_in.", "time_text_embed.guidance")
    is_guided = any(name.startswith(guides) for name in shapes)
    title, pipeline = f"FLUX.1 ({'dev' if is_guided else 'schnell'})", "FluxPipeline"
    if inputs[1] == 384:
        title, pipeline = "FLUX.1 Fill", "FluxFillPipeline"
    elif "kontext" in stem.lower():  # its weights have the same names and shapes
        title, pipeline = "FLUX.1 Kontext", "FluxKontextPipeline"
    return Checkpoint(title=title, pipeline=pipeline, is_distilled=not is_guided)


def _qwen(_shapes: Shapes, stem: str) -> Checkpoint:
    named = stem.lower()
    if "edit" not in named:
        return Checkpoint(title="Qwen-Image", pipeline="QwenImagePipeline")
    if re.search(r"plus|25\d\d", named):
        return Checkpoint(title="Qwen-Image-Edit (2509)", pipeline="QwenImageEditPlusPipeline")
    return Checkpoint(title="Qwen-Image-Edit", pipeline="QwenImageEditPipeline")


def _always(title: str, pipeline: str) -> Callable[[Shapes, str], Checkpoint]:
    return lambda _shapes, _stem: Checkpoint(title=title, pipeline=pipeline)


_TRANSFORMERS: tuple[tuple[tuple[str, ...], Callable[[Shapes, str], Checkpoint]], ...] = (
    (("distilled_guidance_layer.in_proj.bias",), _always("Chroma", "ChromaPipeline")),
    (
        (
            "double_blocks.0.img_attn.norm.key_norm.scale",
            "time_text_embed.text_embedder.linear_1.weight",
        ),
        _flux,
    ),
    (
        ("joint_blocks.0.context_block.adaLN_modulation.1.bias",),
        _always("Stable Diffusion 3", "StableDiffusion3Pipeline"),
    ),
    (("layers.0.adaLN_modulation.0.weight",), _always("Z-Image", "ZImagePipeline")),
    (
        ("cap_embedder.0.weight", "time_caption_embed.caption_embedder.0.weight"),
        _always("Lumina Image 2", "Lumina2Pipeline"),
    ),
    (("txt_norm.weight",), _qwen),
)
"""Weights that only one kind has; the first that is found counts."""

_UNETS: Mapping[int, Checkpoint] = {
    2048: Checkpoint(
        title="Stable Diffusion XL", pipeline="StableDiffusionXLPipeline", architecture="sdxl"
    ),
    1024: Checkpoint(
        title="Stable Diffusion 2",
        pipeline="StableDiffusionPipeline",
        architecture="sd21",
        predicts="v_prediction",
    ),
    768: Checkpoint(
        title="Stable Diffusion 1", pipeline="StableDiffusionPipeline", architecture="sd15"
    ),
}
"""UNets by the width of the texts they look at."""

_WIDER: Mapping[tuple[str, int], Checkpoint] = {
    ("Stable Diffusion 1", 9): Checkpoint(
        title="Stable Diffusion 1 inpainting",
        pipeline="StableDiffusionInpaintPipeline",
        architecture="sd15-inpainting",
    ),
    ("Stable Diffusion 2", 9): Checkpoint(
        title="Stable Diffusion 2 inpainting", pipeline="StableDiffusionInpaintPipeline"
    ),
    ("Stable Diffusion XL", 9): Checkpoint(
        title="Stable Diffusion XL inpainting",
        pipeline="StableDiffusionXLInpaintPipeline",
        architecture="sdxl-inpainting",
    ),
    ("Stable Diffusion 1", 8): Checkpoint(
        title="InstructPix2Pix",
        pipeline="StableDiffusionInstructPix2PixPipeline",
        architecture="instruct-pix2pix",
    ),
}
"""UNets that look at pictures too, by the channels of their first layer."""
