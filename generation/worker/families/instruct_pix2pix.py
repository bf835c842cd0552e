"""InstructPix2Pix: a Stable Diffusion whose UNet sees, beside the noise, the picture to edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from generation.types import Params, Task
from generation.worker.families.base import Conditions, Family, ModelFiles, Traits
from generation.worker.families.stable_diffusion import clip_reader, unet_traits
from generation.worker.placement import device_of

_CHANNELS = 8  # noise and picture
_FAITH = 1.5
"""How closely it keeps to the picture, as its authors chose it."""


def _traits(files: ModelFiles) -> Traits:
    return unet_traits(files, steps=30, scale=7.5, channels=_CHANNELS)


def _encode(pipe: Any, text: str, _is_negative: bool) -> Conditions:
    # Its class never got the public name that the method has elsewhere.
    embedding = pipe._encode_prompt(text, device_of(pipe), 1, False)  # noqa: SLF001
    return {"prompt_embeds": embedding}


def _refer(pictures: Sequence[Image.Image], params: Params, count: int) -> Mapping[str, Any]:
    # It draws in the size of the picture.
    shown = pictures[0].resize((params.width, params.height), Image.Resampling.LANCZOS)
    return {"image": [shown] * count, "image_guidance_scale": _FAITH}


INSTRUCT_PIX2PIX = Family(
    title="InstructPix2Pix",
    pipelines={Task.EDIT: "StableDiffusionInstructPix2PixPipeline"},
    denoiser="unet",
    traits=_traits,
    encode=_encode,
    reader=clip_reader,
    looks=frozenset({Task.EDIT}),
    max_references=1,
    refer=_refer,
)
