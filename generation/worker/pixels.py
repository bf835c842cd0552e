"""Latents to pixels: decoding with a way out of too little memory, and the check for emptiness."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from generation.worker.memory import is_out_of_memory, release

_BLACK = 4
_UNIFORM = 1
TILED_NOTE = "Memory was short, so the pictures were decoded in tiles."


@dataclass(kw_only=True, slots=True)
class Decoded:
    """One picture as bytes, height × width × 3, on the processor; None where it came out empty."""

    pixels: torch.Tensor | None
    flags: frozenset[str] = field(default_factory=frozenset)


def decode_latents(
    vae: Any, latents: torch.Tensor, device: torch.device
) -> tuple[list[Decoded], list[str]]:
    """Decode each latent; notes tell what had to be done differently.

    An empty picture (black, or not a number) is decoded once more in float32, which half
    precision VAEs need. What stays empty is None. Raises the device's own error when there is
    no room even for tiles.
    """
    notes: list[str] = []
    decoded: list[Decoded] = []
    for latent in torch.split(latents, 1):
        picture = _judge(_decode_somehow(vae, latent, device, notes))
        if picture.pixels is None and bool(torch.isfinite(latent).all()):
            picture = _judge(_decode_precisely(vae, latent))
        decoded.append(picture)
    return decoded, list(dict.fromkeys(notes))


def _decode_somehow(
    vae: Any, latent: torch.Tensor, device: torch.device, notes: list[str]
) -> torch.Tensor:
    try:
        return _decode(vae, latent)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Outside the handler: its traceback would keep the tensors of the failed attempt alive.
    release(device)
    notes.append(TILED_NOTE)
    vae.enable_tiling()
    try:
        return _decode(vae, latent)
    finally:
        vae.disable_tiling()


def _decode_precisely(vae: Any, latent: torch.Tensor) -> torch.Tensor:
    before = vae.dtype
    if before == torch.float32:
        return _decode(vae, latent)
    vae.to(torch.float32)
    try:
        return _decode(vae, latent)
    finally:
        vae.to(before)


def _decode(vae: Any, latent: torch.Tensor) -> torch.Tensor:
    scaled = latent.to(vae.dtype) / vae.config.scaling_factor
    return torch.as_tensor(vae.decode(scaled, return_dict=False)[0])


def _judge(image: torch.Tensor) -> Decoded:
    if not bool(torch.isfinite(image).all()):
        return Decoded(pixels=None)
    values = image[0].float().clamp(-1, 1).add(1).mul(127.5).round()
    pixels = values.permute(1, 2, 0).to("cpu", torch.uint8).contiguous()
    if int(pixels.max()) <= _BLACK:
        return Decoded(pixels=None)
    spread = pixels.amax(dim=(0, 1)).int() - pixels.amin(dim=(0, 1)).int()
    if int(spread.max()) <= _UNIFORM:
        return Decoded(pixels=pixels, flags=frozenset({"blank"}))
    return Decoded(pixels=pixels)
