"""Background removal by a segmentation model: what is not background stays, with a soft edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image, ImageChops
from torch.nn import functional
from transformers.models.auto import modeling_auto

from generation.errors import NothingFound, Unavailable
from generation.types import Output
from generation.worker.png import encode_png
from generation.worker.tools import folders
from generation.worker.tools.base import Bench

_BACKGROUND = "background"
_PURPOSE = "marks every pixel of a picture"
_LEAST = 0.02
"""The share of a picture that has to stay; less is a speck, and not what anybody wanted."""

_OPAQUE = 255
_NOTHING = "Nothing in this picture stands out from its background."


@dataclass(kw_only=True, slots=True)
class Cutter:
    """A model with one class of pixels that are background, or with a single class that is not."""

    module: Any
    processor: Any
    background: int | None

    def dtype_on(self, device: torch.device, usual: torch.dtype) -> torch.dtype:
        """The worker's own."""
        del device
        return usual

    def work(self, bench: Bench) -> Output:
        """The picture with an opacity. Raises ``NothingFound``."""
        seen = self.processor(images=bench.picture, return_tensors="pt")["pixel_values"]
        opacity = bench.seat.run(lambda: self._opacity(seen, bench))
        bench.on_step(1, 1)
        if float(opacity.mean()) < _LEAST:
            raise NothingFound(_NOTHING)
        levels = (opacity * _OPAQUE).round().to(torch.uint8).numpy()
        alpha = Image.fromarray(levels).resize(bench.picture.size, Image.Resampling.BICUBIC)
        if bench.alpha is not None:
            alpha = ImageChops.multiply(alpha, bench.alpha)
        made = bench.picture.copy()
        made.putalpha(alpha)
        return Output(
            data=encode_png(np.array(made), bench.settings),
            media_type="image/png",
            width=made.width,
            height=made.height,
            seed=bench.params.seed,
        )

    def _opacity(self, seen: torch.Tensor, bench: Bench) -> torch.Tensor:
        """How little of each pixel is background, 0 … 1, in the size that the model saw."""
        logits = self.module(pixel_values=seen.to(bench.device, bench.dtype)).logits.float()
        if self.background is None:
            kept = torch.sigmoid(logits[:, :1])
        else:
            kept = 1 - torch.softmax(logits, 1)[:, self.background : self.background + 1]
        larger = functional.interpolate(
            kept, size=seen.shape[-2:], mode="bilinear", align_corners=False
        )
        return larger[0, 0].cpu()


def check(folder: Path) -> int | None:
    """Which of the model's classes is background; None for a model of one class that is not.

    Raises ``Unavailable``.
    """
    kinds = modeling_auto.MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES
    return _background(folder.name, folders.read_config(folder, kinds, _PURPOSE))


def load(folder: Path) -> Cutter:
    """The cutter on the processor, in float32. Raises ``Unavailable``."""
    background = check(folder)
    module = folders.load_weights(transformers.AutoModelForSemanticSegmentation, folder)
    processor = folders.load(transformers.AutoImageProcessor, folder, backend="pil")
    return Cutter(module=module, processor=processor, background=background)


def _background(name: str, config: Mapping[str, Any]) -> int | None:
    labels = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    found = [int(index) for index, label in labels.items() if _BACKGROUND in str(label).casefold()]
    if found:
        return found[0]
    if len(labels) == 1:
        return None
    raise Unavailable(detail=f"{name} cannot tell what is background: no class of it is named so")
