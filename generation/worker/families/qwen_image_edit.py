"""Qwen-Image-Edit: instructions that its language model reads while it sees the pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as plus
from PIL import Image

from generation.types import Task
from generation.worker.families.base import Conditions, Family, ModelFiles, Reader, Traits
from generation.worker.families.packing import unfold
from generation.worker.families.qwen_image import channels, decodable, guide, plain_traits
from generation.worker.families.seeing import QwenReader
from generation.worker.placement import device_of

_NOTHING = " "  # what it was trained to see where there is no negative prompt
_SIDE = 1024
_AREA = _SIDE**2  # as the pipelines look at a picture, whatever its size


def _traits(files: ModelFiles) -> Traits:
    return plain_traits(files, side=_SIDE, steps=40)


def _traits_of_first(files: ModelFiles) -> Traits:
    return plain_traits(files, side=_SIDE, steps=50)


def _reader(pipe: Any) -> Reader:
    # Nothing is cut off: the pictures alone are many hundred tokens.
    return Reader(tokenizer="tokenizer", limit=int(pipe.tokenizer.model_max_length))


def _encode(_pipe: Any, _text: str, _is_negative: bool) -> Conditions:
    raise ValueError("its texts are read with pictures")


def _seer(area: int) -> Callable[[Any, str, bool, Sequence[Image.Image]], Conditions]:
    """A way to read a text with pictures of about so many pixels, as the pipeline shows them."""

    def see(
        pipe: Any, text: str, _is_negative: bool, pictures: Sequence[Image.Image]
    ) -> Conditions:
        shown = []
        for picture in pictures:
            width, height = plus.calculate_dimensions(area, picture.width / picture.height)
            shown.append(pipe.image_processor.resize(picture, height, width))
        embedding, _ = pipe.encode_prompt(text or _NOTHING, image=shown, device=device_of(pipe))
        mask = torch.ones(embedding.shape[:2], dtype=torch.long, device=embedding.device)
        return {"prompt_embeds": embedding, "prompt_embeds_mask": mask}

    return see


QWEN_IMAGE_EDIT = Family(
    title="Qwen-Image-Edit",
    pipelines={Task.EDIT: "QwenImageEditPipeline"},
    denoiser="transformer",
    traits=_traits_of_first,
    encode=_encode,
    see=_seer(_AREA),
    processors={"processor": QwenReader.of},
    reader=_reader,
    guide=guide,
    spatial=unfold,
    decodable=decodable,
    channels=channels,
    looks=frozenset({Task.EDIT}),
    max_references=1,
    singly=True,
)

QWEN_IMAGE_EDIT_PLUS = Family(
    title="Qwen-Image-Edit Plus",
    pipelines={Task.EDIT: "QwenImageEditPlusPipeline"},
    denoiser="transformer",
    traits=_traits,
    encode=_encode,
    see=_seer(plus.CONDITION_IMAGE_SIZE),
    processors={"processor": QwenReader.of},
    reader=_reader,
    guide=guide,
    spatial=unfold,
    decodable=decodable,
    channels=channels,
    looks=frozenset({Task.EDIT}),
    max_references=3,
    singly=True,
)
