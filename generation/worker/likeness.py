"""IP-Adapters: pictures that a UNet looks at beside its text, for the jobs that show it some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from diffusers.models.embeddings import ImageProjection
from PIL import Image
from safetensors.torch import load_file

from generation.errors import OutOfMemory
from generation.types import Task
from generation.worker.controls.base import Config
from generation.worker.headers import BrokenFileError, read_header

TASKS = frozenset({Task.TXT2IMG, Task.IMG2IMG, Task.INPAINT})
"""In which a UNet with an adapter looks at pictures."""
MOST_PICTURES = 4

_PARTS = ("image_proj", "ip_adapter")
_FIRST_KEY = "ip_adapter.1.to_k_ip.weight"
_KIND = "ip_image_proj"


@dataclass(frozen=True, kw_only=True, slots=True)
class LikenessFile:
    """An adapter's safetensors file, and the folder of the encoder that its pictures go through."""

    path: Path
    encoder: Path

    def check(self, denoiser: Config) -> None:
        """Raises ``BrokenFileError`` for what is no adapter, or does not fit that UNet."""
        shape = read_header(self.path).shapes.get(_FIRST_KEY)
        if shape is None:
            raise BrokenFileError("it is no IP-Adapter for Stable Diffusion 1, 2 or XL")
        if shape[-1] != denoiser.get("cross_attention_dim"):
            raise BrokenFileError("it is made for another kind of Stable Diffusion")
        if not (self.encoder / "config.json").is_file():
            raise BrokenFileError(f"its image encoder is missing from {self.encoder}")


class Likeness:
    """An adapter of one model's UNet, loaded when a job first needs it. For the device's thread.

    Taken off, it leaves the UNet with the very processors that it had before.
    """

    def __init__(self, unet: Any, file: LikenessFile, device: torch.device) -> None:
        self._unet = unet
        self._file = file
        self._device = device
        self._encoder: Any = None
        self._plain: dict[str, Any] = {}
        self._looking: dict[str, Any] = {}
        self._projection: Any = None
        self._weight: float | None = None

    def see(self, pictures: Sequence[Image.Image], *, is_guided: bool) -> torch.Tensor:
        """The pictures as ``ip_adapter_image_embeds``: 1 or 2 × pictures × what the encoder tells.

        Where a job ``is_guided``, the first row is what it sees without pictures. Raises what the
        device raises without room.
        """
        if self._encoder is None:
            self._load()
        side = int(self._encoder.config.image_size)
        processor = transformers.CLIPImageProcessorPil(size=side, crop_size=side)
        shown = processor(list(pictures), return_tensors="pt").pixel_values
        shown = shown.to(self._device, self._unet.dtype)
        with torch.no_grad():
            seen = self._read(shown)
            if not is_guided:
                return seen.unsqueeze(0)
            (layer,) = self._projection.image_projection_layers
            is_plain = isinstance(layer, ImageProjection)
            nothing = torch.zeros_like(seen) if is_plain else self._read(torch.zeros_like(shown))
        return torch.stack([nothing, seen])

    def wear(self, weight: float | None) -> None:
        """Have the UNet look at pictures with that weight, or at none. Raises ``OutOfMemory``."""
        if weight == self._weight:
            return
        is_new = self._weight is None or weight is None
        self._weight = weight
        unet = self._unet
        if weight is None:
            unet.encoder_hid_proj, unet.config.encoder_hid_dim_type = None, None
            unet.set_attn_processor(dict(self._plain))
            return
        if is_new:
            where = next(unet.parameters()).device
            if where.type == "meta":  # single layers come and go, and these would not
                self._weight = None
                raise OutOfMemory
            # In this order: the projection may have attention of its own, which is not meant.
            unet.set_attn_processor(dict(self._looking))
            unet.encoder_hid_proj = self._projection.to(where)
            unet.config.encoder_hid_dim_type = _KIND
        for processor in self._looking.values():
            if isinstance(processor, torch.nn.Module):
                processor.to(next(unet.parameters()).device)
                vars(processor)["scale"] = [weight]

    def _load(self) -> None:
        state: dict[str, dict[str, torch.Tensor]] = {part: {} for part in _PARTS}
        for name, value in load_file(self._file.path).items():
            part, _, key = name.partition(".")
            if part in state:
                state[part][key] = value
        encoder: Any = transformers.CLIPVisionModelWithProjection.from_pretrained(
            str(self._file.encoder),
            dtype=self._unet.dtype,
            local_files_only=True,
            use_safetensors=True,
        )
        encoder = encoder.eval().requires_grad_(requires_grad=False).to(self._device)
        unet = self._unet
        self._plain = dict(unet.attn_processors)
        # diffusers' own way of reading the file; what it puts on is taken off again below.
        unet._load_ip_adapter_weights([state], low_cpu_mem_usage=False)  # noqa: SLF001
        self._projection = unet.encoder_hid_proj.requires_grad_(requires_grad=False)
        unet.encoder_hid_proj, unet.config.encoder_hid_dim_type = None, None
        self._looking = {
            name: each.requires_grad_(requires_grad=False)
            if isinstance(each, torch.nn.Module)
            else self._plain[name]
            for name, each in unet.attn_processors.items()
        }
        unet.set_attn_processor(dict(self._plain))
        self._encoder = encoder

    def _read(self, shown: torch.Tensor) -> torch.Tensor:
        """What the encoder tells of each picture, in the form that the adapter was trained with."""
        (layer,) = self._projection.image_projection_layers
        if isinstance(layer, ImageProjection):
            return torch.as_tensor(self._encoder(shown).image_embeds)
        hidden = self._encoder(shown, output_hidden_states=True).hidden_states
        return torch.as_tensor(hidden[-2])
