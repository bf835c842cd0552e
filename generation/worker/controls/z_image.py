"""ControlNets for Z-Image, which see the text and the picture through the model's own layers."""

from __future__ import annotations

from typing import Any

import torch

from generation.worker.controls.base import Arguments, Config, Hint, Net, encoded, same


def _suits(config: Config, denoiser: Config) -> bool:
    return same(config, denoiser, "dim", "n_heads", "n_refiner_layers")


def _complete(module: Any, base: Any) -> None:
    type(module).from_transformer(module, base.transformer)


def _look(base: Any, module: Any, picture: torch.Tensor) -> torch.Tensor:
    config = base.vae.config
    shift, factor = float(config.shift_factor), float(config.scaling_factor)
    latents = (encoded(base.vae, picture) - shift).mul(factor).unsqueeze(2)
    missing = module.config.control_in_dim - latents.shape[1]
    if missing > 0:
        # Later ones can also be given a mask and what lies around it; nothing is as good.
        nothing = latents.new_zeros(1, missing, *latents.shape[2:])
        latents = torch.cat([latents, nothing], dim=1)
    return latents.to(module.dtype)


def _ask(_module: Any, arguments: Arguments, hint: Hint, rows: int) -> dict[str, Any]:
    return {
        "x": arguments["x"],
        "t": arguments["t"],
        "cap_feats": arguments["cap_feats"],
        "control_context": [hint.seen[0]] * rows,
    }


def _take(answer: Any) -> dict[str, Any]:
    return {"controlnet_block_samples": dict(answer)}


CONTROL_NET = Net(
    made_for=lambda _: "Z-Image",
    denoiser="ZImageTransformer2DModel",
    suits=_suits,
    complete=_complete,
    look=_look,
    ask=_ask,
    take=_take,
    borrows=True,
    weighs=True,
)
