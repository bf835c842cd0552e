"""Previews of unfinished pictures: latents to small pictures, without making the device wait.

Colours come from one small matrix, fitted to the VAE at load, or where the model has one from a
tiny decoder (TAESD), which shows shapes as well.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny
from PIL import Image
from safetensors import SafetensorError
from torch.nn import functional

from generation.worker.families.base import Family

_LOG = logging.getLogger(__name__)

_SAMPLES = 4
_CELLS = 16
_LONGEST_SIDE = 256
_MOST_CELLS = 32  # of a side: a tiny decoder makes eight times as many pixels of them
_QUALITY = 80
_DIMENSIONS_OF_VIDEO = 5
_FAILURES = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError)


@dataclass(kw_only=True, slots=True)
class Sketch:
    """Colours on their way from the device: rows × columns × 3 bytes, there once it has ``done``.

    To be read by another thread than the job's, which must not wait.
    """

    colours: torch.Tensor
    done: Any = None

    def jpeg(self) -> bytes:
        """A small JPEG of them. Waits for the device to have got so far."""
        if self.done is not None:
            self.done.synchronize()
        picture = Image.fromarray(self.colours.numpy())
        scale = _LONGEST_SIDE / max(picture.size)
        if scale >= 2 or scale < 1:
            scale = int(scale) if scale >= 2 else scale
            size = (round(picture.width * scale), round(picture.height * scale))
            picture = picture.resize(size, Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=_QUALITY)
        return buffer.getvalue()


@dataclass(kw_only=True, slots=True)
class Previewer:
    """``paint`` turns latents (1 × channels × rows × columns) into red, green and blue, -1 … 1."""

    paint: Callable[[torch.Tensor], torch.Tensor]

    def sketch(self, latents: torch.Tensor) -> Sketch:
        """The first picture of a batch of clean latents, as far as it can be seen by now.

        Returns at once: on a graphics card nothing has been computed yet.
        """
        with torch.inference_mode():
            painted = self.paint(latents[:1]).float().nan_to_num().clamp(-1, 1)
            small = painted[0].permute(1, 2, 0).add(1).mul(127.5).round().to(torch.uint8)
            if small.device.type != "cuda":
                return Sketch(colours=small.cpu().contiguous())
            # Pinned memory, or the copy would wait for everything that the device has to do.
            colours = torch.empty(small.shape, dtype=torch.uint8, pin_memory=True)
            colours.copy_(small, non_blocking=True)
            # Who waits for it sleeps, and leaves the processor to the jobs.
            done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
            done.record()
            return Sketch(colours=colours, done=done)


def open_previewer(tiny_decoder: Path, vae: Any, family: Family, device: torch.device) -> Previewer:
    """Previews by the decoder in that folder, or by a matrix if there is none that can be used."""
    tiny = _read_tiny_decoder(tiny_decoder, family.channels(vae))
    if tiny is None:
        return fit_previewer(vae, family, device)
    tiny.to(device, vae.dtype)
    return Previewer(paint=lambda latents: _decode(tiny, latents.to(tiny.dtype)))


def fit_previewer(vae: Any, family: Family, device: torch.device) -> Previewer:
    """Decode a few random latents and find the linear map that explains their colours best."""
    generator = torch.Generator().manual_seed(0)
    channels = family.channels(vae)
    coarse = torch.randn(_SAMPLES, channels, _CELLS // 4, _CELLS // 4, generator=generator)
    latents = functional.interpolate(coarse, size=(_CELLS, _CELLS), mode="bilinear")
    latents = latents.to(device)
    with torch.inference_mode():
        scaled = family.decodable(vae, latents).to(vae.dtype)
        decoded = vae.decode(scaled, return_dict=False)[0].float()
    if decoded.dim() == _DIMENSIONS_OF_VIDEO:
        decoded = decoded[:, :, 0]
    small = functional.interpolate(decoded, size=(_CELLS, _CELLS), mode="area")
    known = latents.permute(0, 2, 3, 1).reshape(-1, channels).cpu()
    known = torch.cat([known, torch.ones_like(known[:, :1])], dim=1)
    wanted = small.permute(0, 2, 3, 1).reshape(-1, 3).cpu().nan_to_num()
    weights = torch.linalg.lstsq(known, wanted).solution.T.to(device)
    return Previewer(paint=lambda latents: _mix(weights, latents.float()))


def _mix(weights: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """Colours as a weighted sum of channels, plus a constant in the last column."""
    return functional.conv2d(latents, weights[:, :-1, None, None], weights[:, -1])


def _decode(tiny: Any, latents: torch.Tensor) -> torch.Tensor:
    rows, columns = latents.shape[2:]
    scale = _MOST_CELLS / max(rows, columns)
    if scale < 1:
        size = (max(1, round(rows * scale)), max(1, round(columns * scale)))
        latents = functional.interpolate(latents, size=size, mode="area")
    return torch.as_tensor(tiny.decode(latents, return_dict=False)[0])


def _read_tiny_decoder(folder: Path, channels: int) -> Any:
    """The tiny decoder in that folder; None if there is none, or none for these latents."""
    if not folder.is_dir():
        return None
    kind: Any = AutoencoderTiny
    try:
        tiny = kind.from_pretrained(str(folder), local_files_only=True, use_safetensors=True)
    except _FAILURES as error:
        _LOG.warning("tiny_decoder_unusable reason=%s", type(error).__name__)
        return None
    if tiny.config.latent_channels != channels:
        _LOG.warning("tiny_decoder_unusable reason=channels")
        return None
    return tiny.requires_grad_(requires_grad=False)
