"""ControlNets for FLUX.1: plain ones, unions of kinds, and some with an encoder of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from generation.worker.controls.base import (
    Arguments,
    Config,
    Hint,
    Net,
    encoded,
    fold,
    given,
    number,
    repeated,
    same,
)

_UNION = {
    "canny": 0,
    "tile": 1,
    "depth": 2,
    "blur": 3,
    "pose": 4,
    "gray": 5,
    "lowquality": 6,
}
"""The numbers of InstantX's union."""
_USUAL_GUIDANCE = 3.5
"""For ControlNets that take the scale, beside a model that does not."""


def _suits(config: Config, denoiser: Config) -> bool:
    return same(
        *(config, denoiser, "num_attention_heads", "attention_head_dim", "joint_attention_dim"),
        "in_channels",
    )


def _kinds(config: Config) -> Mapping[str, int]:
    known = number(config, "num_mode")
    return {name: place for name, place in _UNION.items() if place < known}


def _look(base: Any, module: Any, picture: torch.Tensor) -> torch.Tensor:
    if module.input_hint_block is not None:
        return picture.to(module.dtype).mul(2).sub(1)
    shift, factor = float(base.vae.config.shift_factor), float(base.vae.config.scaling_factor)
    latents = (encoded(base.vae, picture) - shift) * factor
    return fold(latents).to(module.dtype)


def _ask(module: Any, arguments: Arguments, hint: Hint, rows: int) -> dict[str, Any]:
    asked = given(
        *(arguments, "hidden_states", "timestep", "encoder_hidden_states", "pooled_projections"),
        *("txt_ids", "img_ids"),
    )
    if module.config.guidance_embeds:
        sample = arguments["hidden_states"]
        usual = torch.full((rows,), _USUAL_GUIDANCE, device=sample.device)
        scale = arguments.get("guidance")
        asked["guidance"] = usual if scale is None else scale
    if hint.number is not None:
        asked["controlnet_mode"] = torch.full(
            (rows, 1), hint.number, dtype=torch.long, device=hint.seen.device
        )
    return {**asked, "controlnet_cond": repeated(hint.seen, rows), "return_dict": False}


def _take(answer: Any) -> dict[str, Any]:
    names = ("controlnet_block_samples", "controlnet_single_block_samples")
    return {
        name: tuple(samples)
        for name, samples in zip(names, answer, strict=True)
        if samples is not None
    }


def _more(module: Any) -> Arguments:
    # Those with an encoder of their own were trained to be added to every block in turn.
    return {"controlnet_blocks_repeat": True} if module.input_hint_block is not None else {}


CONTROL_NET = Net(
    made_for=lambda _: "FLUX.1",
    denoiser="FluxTransformer2DModel",
    suits=_suits,
    kinds=_kinds,
    look=_look,
    ask=_ask,
    take=_take,
    more=_more,
)
