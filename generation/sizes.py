"""The size of a picture: as a draft asks for it, or in the shape it asks for."""

from __future__ import annotations

import math

from generation.backends.base import ModelInfo
from generation.errors import InvalidParams
from generation.prompt import Draft, parse_ratio

_RATIO_TOLERANCE = 1.25


def names_no_size(draft: Draft) -> bool:
    """Whether the draft leaves the size open."""
    return draft.width is None and draft.height is None and draft.aspect_ratio is None


def choose_size(
    draft: Draft, model: ModelInfo, picture_size: tuple[int, int] | None
) -> tuple[int, int]:
    """Width and height as asked, in the shape that is asked for, or the model's own.

    Raises ``InvalidParams`` for what the model cannot draw.
    """
    width = _side("width", draft.width, model)
    height = _side("height", draft.height, model)
    if width is not None and height is not None:
        if draft.aspect_ratio is not None:
            raise InvalidParams(
                "aspect_ratio",
                "Width and height already fix the shape; leave the aspect ratio out.",
            )
        return _listed(width, height, model)
    if draft.aspect_ratio is not None:
        ratio = parse_ratio(draft.aspect_ratio)
        name = f"The aspect ratio {draft.aspect_ratio}"
    elif picture_size is not None:
        ratio = picture_size[0] / picture_size[1]
        name = f"The shape of your picture ({picture_size[0]}×{picture_size[1]})"
    else:
        return _listed(width or model.width, height or model.height, model)
    if width is not None:
        return _listed(width, _checked(name, width / ratio, model), model)
    if height is not None:
        return _listed(_checked(name, height * ratio, model), height, model)
    return _from_area(name, ratio, model)


def _listed(width: int, height: int, model: ModelInfo) -> tuple[int, int]:
    if model.sizes and (width, height) not in model.sizes:
        known = ", ".join(f"{wide}×{high}" for wide, high in model.sizes)
        raise InvalidParams(
            "width", f"{model.name} draws {known}, and not {width}×{height}; choose one of these."
        )
    return width, height


def _side(option: str, asked: int | None, model: ModelInfo) -> int | None:
    if asked is None:
        return None
    if not model.min_side <= asked <= model.max_side:
        raise InvalidParams(
            option,
            f"{option} must be {model.min_side} to {model.max_side} for {model.name}, not {asked}.",
        )
    if asked % model.multiple_of:
        raise InvalidParams(
            option,
            f"{option} must be a multiple of {model.multiple_of} for {model.name}; "
            f"the nearest to {asked} is {model.nearest_side(asked)}.",
        )
    return asked


def _from_area(name: str, ratio: float, model: ModelInfo) -> tuple[int, int]:
    """The size of that shape with about as many pixels as the model's own."""
    area = model.width * model.height
    ideal = math.sqrt(area * ratio)
    width, height = model.nearest_size(ideal, ideal / ratio)
    if model.sizes:
        return width, height  # as near as there is; what is cut off or added, its engine decides
    off = (width / height) / ratio
    if not 1 / _RATIO_TOLERANCE <= off <= _RATIO_TOLERANCE:
        raise InvalidParams("aspect_ratio", _too_extreme(name, model))
    return width, height


def _checked(name: str, side: float, model: ModelInfo) -> int:
    rounded = model.nearest_side(side)
    if not 1 / _RATIO_TOLERANCE <= rounded / side <= _RATIO_TOLERANCE:
        raise InvalidParams("aspect_ratio", _too_extreme(name, model))
    return rounded


def _too_extreme(name: str, model: ModelInfo) -> str:
    return (
        f"{name} is too extreme for {model.name}, "
        f"whose sides are {model.min_side} to {model.max_side} pixels."
    )
