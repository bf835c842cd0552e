"""Texts that are read together with pictures: what Qwen's language model takes in for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from PIL import Image

PLACE = "<|image_pad|>"
"""Stands in a text where a picture is seen; there is one for each square that is looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QwenReader:
    """Takes texts and pictures apart for Qwen 2.5 VL.

    transformers' own does the same and films besides, for which it needs torchvision.
    """

    tokenizer: Any
    image_processor: Any

    @classmethod
    def of(cls, folder: Path) -> QwenReader:
        """As it was saved there. Raises what transformers raises."""
        return cls(
            tokenizer=transformers.AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            ),
            image_processor=transformers.Qwen2VLImageProcessorPil.from_pretrained(
                str(folder), local_files_only=True
            ),
        )

    def __call__(
        self,
        *,
        text: Sequence[str],
        images: Image.Image | Sequence[Image.Image],
        padding: bool,
        return_tensors: str,
    ) -> Any:
        """The language model's arguments. Every picture has one place in each of the texts."""
        pictures = [images] if isinstance(images, Image.Image) else list(images)
        seen = self.image_processor(images=pictures, return_tensors=return_tensors)
        square = self.image_processor.merge_size**2
        places = [PLACE * (int(grid.prod()) // square) for grid in seen["image_grid_thw"]]
        whole = []
        for each in text:
            first, *rest = each.split(PLACE)
            whole.append(first + "".join(a + b for a, b in zip(places, rest, strict=True)))
        seen.update(self.tokenizer(whole, padding=padding, return_tensors=return_tensors))
        return seen
