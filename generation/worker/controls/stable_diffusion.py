"""ControlNets for UNets: Stable Diffusion 1, 2 and XL, and those of XL that know several kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from generation.worker.controls.base import (
    Arguments,
    Config,
    Hint,
    Net,
    given,
    number,
    repeated,
    same,
)

_UNION = {
    "pose": 0,
    "depth": 1,
    "softedge": 2,
    "scribble": 2,
    "canny": 3,
    "lineart": 3,
    "mlsd": 3,
    "normal": 4,
    "segment": 5,
    "tile": 6,
}
"""The numbers of xinsir's union for SDXL; its first version knows six kinds, its second tiles."""
_ADDED = ("text_embeds", "time_ids")
_BY_TEXT = {768: "Stable Diffusion 1", 1024: "Stable Diffusion 2", 2048: "Stable Diffusion XL"}


def _made_for(config: Config) -> str:
    return _BY_TEXT.get(number(config, "cross_attention_dim"), "another model with a UNet")


def _suits(config: Config, denoiser: Config) -> bool:
    return same(
        *(config, denoiser, "cross_attention_dim", "block_out_channels", "addition_embed_type"),
        "layers_per_block",
    ) and bool(config.get("addition_embed_type")) == bool(denoiser.get("addition_embed_type"))


def _refuses(config: Config) -> str | None:
    if config.get("global_pool_conditions") is True:
        return "it looks at a picture's content (shuffle), which cannot be used"
    if number(config, "conditioning_channels") not in {0, 3}:
        return "it needs more than a picture"
    return None


def _look(_base: Any, module: Any, picture: torch.Tensor) -> torch.Tensor:
    return picture.to(module.dtype)


def _ask(module: Any, arguments: Arguments, hint: Hint, rows: int) -> dict[str, Any]:
    asked = given(arguments, "timestep", "encoder_hidden_states")
    added = given(arguments.get("added_cond_kwargs") or {}, *_ADDED)
    if added:
        asked["added_cond_kwargs"] = added
    return {
        # A model for inpainting alone sees the mask and the picture behind the noise.
        "sample": arguments["sample"][:, : module.config.in_channels],
        **asked,
        "controlnet_cond": repeated(hint.seen, rows),
        "return_dict": False,
    }


def _ask_union(module: Any, arguments: Arguments, hint: Hint, rows: int) -> dict[str, Any]:
    asked = _ask(module, arguments, hint, rows)
    seen = asked["controlnet_cond"]
    kinds = torch.zeros(rows, module.config.num_control_type, device=seen.device, dtype=seen.dtype)
    kinds[:, hint.number or 0] = 1
    return {
        **asked,
        "controlnet_cond": [seen],
        "control_type": kinds,
        "control_type_idx": [hint.number or 0],
    }


def _take(answer: Any) -> dict[str, Any]:
    down, middle = answer
    return {
        "down_block_additional_residuals": tuple(down),
        "mid_block_additional_residual": middle,
    }


def _union_kinds(config: Config) -> Mapping[str, int]:
    known = number(config, "num_control_type")
    return {name: place for name, place in _UNION.items() if place < known}


CONTROL_NET = Net(
    made_for=_made_for,
    denoiser="UNet2DConditionModel",
    suits=_suits,
    refuses=_refuses,
    look=_look,
    ask=_ask,
    take=_take,
)

UNION = Net(
    made_for=_made_for,
    denoiser="UNet2DConditionModel",
    suits=_suits,
    refuses=_refuses,
    kinds=_union_kinds,
    look=_look,
    ask=_ask_union,
    take=_take,
)
