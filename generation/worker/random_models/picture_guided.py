"""Architectures that look at pictures: to edit them by instruction, or to fill in a part of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from generation.worker.random_models.parts import Architecture, Config, Eyes, Part, Tokens

_SEEING = Tokens(kind="qwen2-vl", length=131072)
_QWEN_2_5_VL = Part(
    kind="Qwen2_5_VLForConditionalGeneration",
    config={
        "text_config": {
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152064,
            "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
        },
        "vision_config": {"hidden_size": 1280, "out_hidden_size": 3584},
        # The places of its words in the tokenizer's list.
        "vision_start_token_id": 2,
        "vision_end_token_id": 3,
        "image_token_id": 4,
        "video_token_id": 5,
    },
    tiny={
        "text_config": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "vocab_size": 1024,
            "bos_token_id": None,
            "eos_token_id": None,
            "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
        },
        "vision_config": {
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 32,
            "fullatt_block_indexes": [1],
        },
    },
)


def picture_guided(plain: Mapping[str, Architecture]) -> Mapping[str, Architecture]:
    """Those that are made of the plain ones, by name."""
    qwen: Mapping[str, Part | Tokens | Eyes] = {
        "text_encoder": _QWEN_2_5_VL,
        "tokenizer": _SEEING,
        "processor": Eyes(tokens=_SEEING),
    }
    sdxl, flux = plain["sdxl"], plain["flux"]
    fill = {name: part for name, part in flux.parts.items() if part is not None}
    return MappingProxyType(
        {
            "sd15-inpainting": _wider(plain["sd15"], "StableDiffusionInpaintPipeline", "unet", 9),
            "sdxl-inpainting": _wider(sdxl, "StableDiffusionXLInpaintPipeline", "unet", 9),
            "instruct-pix2pix": _wider(
                plain["sd15"], "StableDiffusionInstructPix2PixPipeline", "unet", 8
            ),
            "flux-kontext": replace(flux, pipeline="FluxKontextPipeline"),
            "flux-fill": _wider(
                replace(flux, parts=fill),
                "FluxFillPipeline",
                "transformer",
                384,
                {"out_channels": 64},
            ),
            "qwen-image-edit": _with_parts(plain["qwen-image"], "QwenImageEditPipeline", qwen),
            "qwen-image-edit-plus": _with_parts(
                plain["qwen-image"], "QwenImageEditPlusPipeline", qwen
            ),
        }
    )


def _wider(
    plain: Architecture, pipeline: str, denoiser: str, channels: int, more: Config | None = None
) -> Architecture:
    """A model whose denoiser takes more channels than what it draws has."""
    part = plain.parts[denoiser]
    if not isinstance(part, Part):
        raise TypeError(f"{denoiser} is no module")
    config = {**part.config, "in_channels": channels, **(more or {})}
    return _with_parts(plain, pipeline, {denoiser: replace(part, config=config)})


def _with_parts(
    plain: Architecture, pipeline: str, parts: Mapping[str, Part | Tokens | Eyes]
) -> Architecture:
    return replace(plain, pipeline=pipeline, parts={**plain.parts, **parts})
