"""What a masked picture needs of its parameters: the size in which the model draws it, its edge."""

from __future__ import annotations

import math
from dataclasses import dataclass

from generation.backends.base import ModelInfo
from generation.errors import InvalidParams
from generation.prompt import Draft
from generation.types import Task

STRENGTH = 0.75
"""How much is redrawn where nobody said: enough for something new, and it still fits in."""

_MOST_BLUR = 64
_MOST_PADDING = 256
_USUAL_BLUR = 4
_MOST_AREA = 2.0  # times the model's own: a large picture keeps its detail, a model its composition
_MOST_STRETCHED = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Redraw:
    """A canvas that is partly redrawn: its size, and that of the part, in pixels.

    No side may be drawn larger than ``longest``.
    """

    canvas: tuple[int, int]
    part: tuple[int, int]
    longest: int


def size_for(redraw: Redraw, model: ModelInfo) -> tuple[int, int]:
    """The size in which the part is drawn: its own where that suits the model, else its shape.

    What is small is drawn larger, in the model's own size, and made smaller again afterwards.
    """
    width, height = redraw.part
    ratio = min(max(width / height, 1 / _MOST_STRETCHED), _MOST_STRETCHED)
    own = model.width * model.height
    area = min(max(width * height, own), _MOST_AREA * own)
    wide = math.sqrt(area * ratio)
    high = wide / ratio
    if model.sizes:
        return model.nearest_size(wide, high)
    longest = min(redraw.longest, model.max_side)
    scale = min(1.0, longest / max(wide, high))
    return (
        model.nearest_side(wide * scale, longest=longest),
        model.nearest_side(high * scale, longest=longest),
    )


def mask_blur(draft: Draft, task: Task) -> int:
    """The mask's blur in pixels. Raises ``InvalidParams``."""
    asked = draft.mask_blur
    if asked is None:
        return _USUAL_BLUR if task is Task.INPAINT else 0
    _require_mask("mask_blur", "Mask blur", task)
    if not 0 <= asked <= _MOST_BLUR:
        raise InvalidParams(
            "mask_blur", f"Mask blur is from 0 (a hard edge) to {_MOST_BLUR} pixels, not {asked}."
        )
    return asked


def padding(draft: Draft, task: Task) -> int | None:
    """The pixels around the mask that are drawn too; None for the whole picture.

    Raises ``InvalidParams``.
    """
    asked = draft.padding
    if asked is None:
        return None
    _require_mask("padding", "Padding", task)
    if not 0 <= asked <= _MOST_PADDING:
        raise InvalidParams("padding", f"Padding is from 0 to {_MOST_PADDING} pixels, not {asked}.")
    return asked


def _require_mask(option: str, title: str, task: Task) -> None:
    if task is not Task.INPAINT:
        raise InvalidParams(option, f"{title} belongs to a mask; use /inpaint for that.")
