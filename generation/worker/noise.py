"""The noise that pictures come from: each seed's own, the same wherever it is drawn."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import torch
from diffusers.utils import torch_utils

from generation.types import Params

_theirs = torch_utils.randn_tensor
_HALVES = frozenset({torch.float16, torch.bfloat16})
_PARALLEL = 0.9995  # closer than this, a straight line is as good and divides by nothing small


def generators_for(params: Params, seeds: Sequence[int]) -> list[torch.Generator]:
    """What each picture's chance comes from; all variations of a seed share that seed's."""
    # On the processor, so that a seed means the same picture on every device.
    own = [params.seed] * len(seeds) if params.subseed_strength else seeds
    return [torch.Generator().manual_seed(seed) for seed in own]


def varied_noise(
    pipe: Any,
    params: Params,
    subseeds: Sequence[int],
    generators: Sequence[torch.Generator],
    dtype: torch.dtype,
) -> torch.Tensor:
    """The noise that the pipeline would draw, turned towards that of each subseed.

    For pipelines with a UNet whose latents are pictures × channels × rows × columns.
    """
    cell = int(pipe.vae_scale_factor)
    shape = (1, pipe.unet.config.in_channels, params.height // cell, params.width // cell)
    rows = []
    for subseed, generator in zip(subseeds, generators, strict=True):
        own = torch.randn(shape, generator=generator)
        other = torch.randn(shape, generator=torch.Generator().manual_seed(subseed))
        rows.append(turned(own, other, params.subseed_strength))
    return torch.cat(rows).to(dtype)


def draw_in_float32() -> None:
    """Have all of diffusers draw its noise in float32, whatever number type it is then used in.

    In half precision torch draws other numbers from the same seed, and has changed which: a seed
    would mean one picture on a processor, another on a card, and a third after an update. Other
    programs draw in float32 as well, so that their seeds can be used here.
    """
    torch_utils.randn_tensor = randn_tensor
    for name, module in list(sys.modules.items()):
        if name.startswith("diffusers.") and vars(module).get("randn_tensor") is _theirs:
            module.randn_tensor = randn_tensor  # type: ignore[attr-defined]


def randn_tensor(
    shape: tuple[int, ...] | list[int],
    generator: list[torch.Generator] | torch.Generator | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    layout: torch.layout | None = None,
) -> torch.Tensor:
    """What diffusers' own function of that name gives in float32, rounded to the number type."""
    drawn: torch.Tensor = _theirs(
        shape, generator, device, torch.float32 if dtype in _HALVES else dtype, layout
    )
    return drawn if dtype is None else drawn.to(dtype)


def turned(start: torch.Tensor, end: torch.Tensor, share: float) -> torch.Tensor:
    """The point on the arc between two tensors (K. Shoemake's slerp, 1985); share is 0 … 1.

    Unlike their mean it is as strong a noise as either.
    """
    a, b = start.float(), end.float()
    cosine = torch.sum(a / a.norm() * (b / b.norm()))
    if abs(float(cosine)) > _PARALLEL:
        return torch.lerp(a, b, share).to(start.dtype)
    angle = torch.arccos(cosine)
    mixed = (torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b) / torch.sin(angle)
    return mixed.to(start.dtype)
