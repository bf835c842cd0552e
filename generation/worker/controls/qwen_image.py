"""ControlNets for Qwen-Image."""

from __future__ import annotations

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


def _suits(config: Config, denoiser: Config) -> bool:
    return same(
        *(config, denoiser, "num_attention_heads", "attention_head_dim", "joint_attention_dim"),
        "in_channels",
    )


def _refuses(config: Config) -> str | None:
    if number(config, "extra_condition_channels"):
        return "it is for inpainting alone and needs a mask beside its picture"
    return None


def _look(base: Any, module: Any, picture: torch.Tensor) -> torch.Tensor:
    vae = base.vae
    latents = encoded(vae, picture.unsqueeze(2))  # a film of one frame
    shape = (1, vae.config.z_dim, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(latents)
    spread = torch.tensor(vae.config.latents_std).view(shape).to(latents)
    return fold(((latents - mean) / spread)[:, :, 0]).to(module.dtype)


def _ask(_module: Any, arguments: Arguments, hint: Hint, rows: int) -> dict[str, Any]:
    asked = given(
        *(arguments, "hidden_states", "timestep", "encoder_hidden_states"),
        *("encoder_hidden_states_mask", "img_shapes"),
    )
    return {**asked, "controlnet_cond": repeated(hint.seen, rows), "return_dict": False}


def _take(answer: Any) -> dict[str, Any]:
    return {"controlnet_block_samples": tuple(answer)}


CONTROL_NET = Net(
    made_for=lambda _: "Qwen-Image",
    denoiser="QwenImageTransformer2DModel",
    suits=_suits,
    refuses=_refuses,
    look=_look,
    ask=_ask,
    take=_take,
)
