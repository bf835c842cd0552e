"""ControlNets of a few random weights for the tiny models, saved as diffusers saves real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch

_LIBRARY: Any = diffusers  # its classes are untyped


def save_control(
    folder: Path, denoiser: Any, variant: str = "", *, seed: int = 0, **more: Any
) -> Path:
    """A ControlNet that fits the denoiser; ``union`` and ``own`` are its family's other builds."""
    module = _build(denoiser, variant, more)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in module.parameters():
            # They begin at nothing, so that one which was never trained changes nothing.
            weights.copy_(torch.randn(weights.shape, generator=generator) * 0.1)
    module.save_pretrained(str(folder), safe_serialization=True)
    return folder


def _build(denoiser: Any, variant: str, changes: dict[str, Any]) -> Any:
    kind, more = _BUILDS[type(denoiser).__name__, variant]
    if kind is _LIBRARY.ControlNetModel:
        return kind.from_unet(denoiser, load_weights_from_unet=False, **more)
    names = set(kind._get_init_keys(kind)) - {"self", "patch_size"}
    shared = {name: value for name, value in denoiser.config.items() if name in names}
    return kind(**{**shared, **more, **changes})


_SMALL = {"conditioning_embedding_out_channels": (8, 8, 16, 16)}
_UNET, _SD3 = "UNet2DConditionModel", "SD3Transformer2DModel"
_FLUX, _Z = "FluxTransformer2DModel", "ZImageTransformer2DModel"
_BUILDS: dict[tuple[str, str], tuple[Any, dict[str, Any]]] = {
    (_UNET, ""): (_LIBRARY.ControlNetModel, _SMALL),
    (_UNET, "union"): (
        _LIBRARY.ControlNetUnionModel,
        {**_SMALL, "num_trans_channel": 16, "num_proj_channel": 16, "num_trans_head": 2},
    ),
    (_SD3, ""): (_LIBRARY.SD3ControlNetModel, {}),
    (_SD3, "own"): (
        _LIBRARY.SD3ControlNetModel,
        {"use_pos_embed": False, "force_zeros_for_pooled_projection": False},
    ),
    (_FLUX, ""): (_LIBRARY.FluxControlNetModel, {}),
    (_FLUX, "union"): (_LIBRARY.FluxControlNetModel, {"num_mode": 7}),
    (_FLUX, "own"): (
        _LIBRARY.FluxControlNetModel,
        {"conditioning_embedding_channels": 16, "patch_size": 2},
    ),
    ("QwenImageTransformer2DModel", ""): (_LIBRARY.QwenImageControlNetModel, {"patch_size": 2}),
    (_Z, ""): (
        _LIBRARY.ZImageControlNetModel,
        {"control_in_dim": 16, "control_layers_places": [0, 1]},
    ),
    (_Z, "own"): (
        _LIBRARY.ZImageControlNetModel,
        {
            "control_in_dim": 33,
            "control_layers_places": [0, 1],
            "control_refiner_layers_places": [0],
            "add_control_noise_refiner": "control_layers",
        },
    ),
}
"""Which class fits which denoiser, and how it differs from that in what both are built with."""
