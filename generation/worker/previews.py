"""Previews of unfinished pictures: latents to colours by one small matrix, fitted at load."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch.nn import functional

_SAMPLES = 4
_CELLS = 16
_LONGEST_SIDE = 256
_SCALED_NOISE = 1.5  # above this, a scheduler keeps latents multiplied by its noise level


@dataclass(kw_only=True, slots=True)
class Previewer:
    """``weights`` map a latent's channels and a constant to red, green and blue in -1 … 1."""

    weights: torch.Tensor

    def colours(self, latents: torch.Tensor, scheduler: Any) -> torch.Tensor:
        """The first picture of a batch as bytes, height × width × 3, on the processor."""
        latent = latents[0].float()
        if float(getattr(scheduler, "init_noise_sigma", 1.0)) > _SCALED_NOISE:
            index = getattr(scheduler, "step_index", None)
            if index is not None and index < len(scheduler.sigmas):
                sigma = float(scheduler.sigmas[index])
                latent = latent / (sigma**2 + 1) ** 0.5
        flat = latent.flatten(1).T
        coloured = torch.cat([flat, torch.ones_like(flat[:, :1])], dim=1) @ self.weights
        coloured = coloured.nan_to_num().clamp(-1, 1).add(1).mul(127.5)
        height, width = latent.shape[1:]
        return coloured.reshape(height, width, 3).round().to("cpu", torch.uint8)


def fit_previewer(vae: Any, device: torch.device) -> Previewer:
    """Decode a few random latents and find the linear map that explains their colours best."""
    generator = torch.Generator().manual_seed(0)
    channels = int(vae.config.latent_channels)
    coarse = torch.randn(_SAMPLES, channels, _CELLS // 4, _CELLS // 4, generator=generator)
    latents = functional.interpolate(coarse, size=(_CELLS, _CELLS), mode="bilinear")
    latents = latents.to(device)
    with torch.inference_mode():
        scaled = (latents / vae.config.scaling_factor).to(vae.dtype)
        decoded = vae.decode(scaled, return_dict=False)[0].float()
    small = functional.interpolate(decoded, size=(_CELLS, _CELLS), mode="area")
    known = latents.permute(0, 2, 3, 1).reshape(-1, channels).cpu()
    known = torch.cat([known, torch.ones_like(known[:, :1])], dim=1)
    wanted = small.permute(0, 2, 3, 1).reshape(-1, 3).cpu().nan_to_num()
    weights = torch.linalg.lstsq(known, wanted).solution
    return Previewer(weights=weights.to(device))


def encode_preview(colours: torch.Tensor) -> bytes:
    """A small JPEG of what ``Previewer.colours`` gave."""
    picture = Image.fromarray(colours.numpy())
    scale = max(1, _LONGEST_SIDE // max(picture.size))
    size = (picture.width * scale, picture.height * scale)
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
