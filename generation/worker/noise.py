"""The noise that a picture starts from: its seed's own, or on the way to another seed's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from generation.types import Params

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
        own = torch.randn(shape, generator=generator, dtype=dtype)
        other = torch.randn(shape, generator=torch.Generator().manual_seed(subseed), dtype=dtype)
        rows.append(turned(own, other, params.subseed_strength))
    return torch.cat(rows)


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
