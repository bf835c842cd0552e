"""Latents to pixels: decoding with a way out of too little memory, and the check for emptiness."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from generation.worker.memory import is_out_of_memory, release

_BLACK = 4
_UNIFORM = 1
_DIMENSIONS_OF_VIDEO = 5  # some VAEs see a picture as a film of one frame
TILED_NOTE = "Memory was short, so the pictures were decoded in tiles."
BLACK_NOTE = (
    "A picture came out black. If you did not ask for that, another seed or sampler may help."
)


@dataclass(kw_only=True, slots=True)
class Decoded:
    """One picture as bytes, height × width × 3, on the processor; None where there is none.

    The flag ``blank`` says that all of it has one colour. ``notes`` tell the member what was done
    differently.
    """

    pixels: torch.Tensor | None
    flags: frozenset[str] = field(default_factory=frozenset)
    notes: tuple[str, ...] = ()


def decode_latents(
    vae: Any, latents: torch.Tensor, *, device: torch.device, tiles_above: int | None = None
) -> list[Decoded]:
    """Decode the latents, given in the VAE's scale. Only one thread may do so at a time.

    What is not a number, or black, is decoded once more in float32: many VAEs overflow in half
    precision. Numbers that are none then are no picture. Black that stays is one, which somebody
    may have asked for: it is kept, flagged, and a note says so. Raises the device's own error
    when there is no room: for one picture not even in tiles, for several not at once. Latents
    with a side longer than ``tiles_above`` are decoded in tiles from the start.
    """
    is_large = tiles_above is not None and max(latents.shape[-2:]) > tiles_above
    has_tiled = is_large and tile(vae)
    try:
        return _decode_all(vae, latents, device)
    finally:
        if has_tiled:
            vae.disable_tiling()


def _decode_all(vae: Any, latents: torch.Tensor, device: torch.device) -> list[Decoded]:
    if len(latents) == 1:
        return [_decode_well(vae, latents, device)]
    pictures = _decode(vae, latents)
    return [
        _decode_well(vae, latent, device, picture)
        for latent, picture in zip(torch.split(latents, 1), torch.split(pictures, 1), strict=True)
    ]


def tile(vae: Any) -> bool:
    """Have the VAE work in tiles. False where it does so already, or knows none."""
    if getattr(vae, "use_tiling", False) or not hasattr(vae, "enable_tiling"):
        return False
    vae.enable_tiling()
    return True


def _decode_well(
    vae: Any, latent: torch.Tensor, device: torch.device, picture: torch.Tensor | None = None
) -> Decoded:
    notes: list[str] = []
    if not bool(torch.isfinite(latent).all()):
        return Decoded(pixels=None)
    if picture is None:
        picture = _decode_somehow(vae, latent, device, notes)
    if vae.dtype != torch.float32 and (not _is_finite(picture) or _is_black(_bytes(picture))):
        picture = _decode_precisely(vae, latent, device, notes)
    if not _is_finite(picture):
        return Decoded(pixels=None)
    pixels = _bytes(picture)
    if _is_black(pixels):
        notes.append(BLACK_NOTE)
    spread = pixels.amax(dim=(0, 1)).int() - pixels.amin(dim=(0, 1)).int()
    is_blank = _is_black(pixels) or int(spread.max()) <= _UNIFORM
    flags = frozenset({"blank"} if is_blank else ())
    return Decoded(pixels=pixels, flags=flags, notes=tuple(dict.fromkeys(notes)))


def _decode_precisely(
    vae: Any, latent: torch.Tensor, device: torch.device, notes: list[str]
) -> torch.Tensor:
    before = vae.dtype
    vae.to(torch.float32)
    try:
        return _decode_somehow(vae, latent, device, notes)
    finally:
        vae.to(before)


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
    has_tiled = tile(vae)
    try:
        return _decode(vae, latent)
    finally:
        if has_tiled:
            vae.disable_tiling()


def _decode(vae: Any, latent: torch.Tensor) -> torch.Tensor:
    picture = torch.as_tensor(vae.decode(latent.to(vae.dtype), return_dict=False)[0])
    return picture[:, :, 0] if picture.dim() == _DIMENSIONS_OF_VIDEO else picture


def _is_finite(picture: torch.Tensor) -> bool:
    return bool(torch.isfinite(picture).all())


def _bytes(picture: torch.Tensor) -> torch.Tensor:
    values = picture[0].float().clamp(-1, 1).add(1).mul(127.5).round()
    # Bytes before they leave the device: a quarter of the way's traffic, and it waits for that.
    return values.to(torch.uint8).permute(1, 2, 0).contiguous().cpu()


def _is_black(pixels: torch.Tensor) -> bool:
    return int(pixels.max()) <= _BLACK
