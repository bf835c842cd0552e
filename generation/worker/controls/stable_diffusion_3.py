"""ControlNets for Stable Diffusion 3 and 3.5, some of which see no text."""

from __future__ import annotations

from typing import Any

import torch

from generation.worker.controls.base import (
    Arguments,
    Config,
    Hint,
    Net,
    encoded,
    given,
    number,
    repeated,
    same,
)


def _suits(config: Config, denoiser: Config) -> bool:
    return same(
        *(config, denoiser, "num_attention_heads", "attention_head_dim", "in_channels"),
        *("joint_attention_dim", "patch_size"),
    )


def _refuses(config: Config) -> str | None:
    if number(config, "extra_conditioning_channels"):
        return "it is for inpainting alone and needs a mask beside its picture"
    return None


def _complete(module: Any, base: Any) -> None:
    if getattr(module.config, "use_pos_embed", True) is False:
        # Those of the largest 3.5 know no positions of their own.
        positions = module._get_pos_embed_from_transformer(base.transformer)  # noqa: SLF001  # as its pipelines do
        module.pos_embed = positions.to(device=module.device, dtype=module.dtype)


def _look(base: Any, module: Any, picture: torch.Tensor) -> torch.Tensor:
    # Those that are given no gist of the text were trained on latents without the shift.
    config = base.vae.config
    shift = 0.0 if module.config.force_zeros_for_pooled_projection else float(config.shift_factor)
    latents = (encoded(base.vae, picture) - shift) * float(config.scaling_factor)
    return latents.to(module.dtype)


def _ask(module: Any, arguments: Arguments, hint: Hint, rows: int) -> dict[str, Any]:
    asked = given(arguments, "hidden_states", "timestep", "pooled_projections")
    if module.config.force_zeros_for_pooled_projection:
        asked["pooled_projections"] = torch.zeros_like(arguments["pooled_projections"])
    if module.config.joint_attention_dim is not None:
        asked["encoder_hidden_states"] = arguments["encoder_hidden_states"]
    return {**asked, "controlnet_cond": repeated(hint.seen, rows), "return_dict": False}


def _take(answer: Any) -> dict[str, Any]:
    return {"block_controlnet_hidden_states": tuple(answer[0])}


CONTROL_NET = Net(
    made_for=lambda _: "Stable Diffusion 3",
    denoiser="SD3Transformer2DModel",
    suits=_suits,
    refuses=_refuses,
    complete=_complete,
    look=_look,
    ask=_ask,
    take=_take,
)
