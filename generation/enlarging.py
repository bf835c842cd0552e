"""Larger pictures: how large one may become, with a model's help or without."""

from __future__ import annotations

from generation.backends.base import ModelInfo
from generation.errors import InvalidParams
from generation.limits import over_limit
from generation.prompt import Draft
from generation.types import Task

FACTOR = 2.0
STRENGTH = 0.35
"""How much an enlarged picture is redrawn: enough for detail, too little for another picture."""

_HIRES_STRENGTH = 0.5
_MOST_HIRES = 4.0
_LEAST_GAIN = 1.2  # below that it is not worth drawing again


def can_grow(size: tuple[int, int], model: ModelInfo) -> bool:
    """Whether the model can draw such a picture so much larger that it is worth it."""
    return model.max_side >= _LEAST_GAIN * max(size)


def has_room(size: tuple[int, int], longest: int) -> bool:
    """Whether a server's limit for a side leaves room for a picture so much larger."""
    return longest >= _LEAST_GAIN * max(size)


def enlarged(
    size: tuple[int, int], factor: float, *, longest: int, model: ModelInfo | None = None
) -> tuple[int, int]:
    """Width and height after growing by the factor, or as far as is allowed.

    ``longest`` is the server's limit for a side. With a ``model`` both are sides that it draws.
    Raises ``OverLimit`` or ``InvalidParams`` where there is too little to gain.
    """
    bound = longest if model is None else min(longest, model.max_side)
    scale = min(factor, bound / max(size))
    if scale < min(factor, _LEAST_GAIN):
        raise _too_large(size, longest, model)
    if model is None:
        return round(size[0] * scale), round(size[1] * scale)
    return (
        model.nearest_side(size[0] * scale, longest=bound),
        model.nearest_side(size[1] * scale, longest=bound),
    )


def second_pass(
    draft: Draft, size: tuple[int, int], model: ModelInfo, task: Task
) -> tuple[float, float, tuple[int, int]]:
    """How many times larger a picture is drawn over, how strongly, and in which size.

    The factor is 1 for none, and the rest is 0 then. Raises ``InvalidParams``.
    """
    factor, strength = draft.hires, draft.hires_strength
    if factor is None or factor == 1:
        if strength is not None:
            raise InvalidParams("hires_strength", "--hires-strength goes with --hires 2.")
        return 1.0, 0.0, (0, 0)
    if task is not Task.TXT2IMG:
        raise InvalidParams(
            "hires", "--hires is for pictures from a prompt alone; for others use /upscale."
        )
    if Task.IMG2IMG not in model.tasks:
        raise InvalidParams(
            "hires", f"The model {model.name} cannot start from a picture, as --hires needs."
        )
    if not 1 < factor <= _MOST_HIRES:
        raise InvalidParams("hires", f"--hires is from 1 to {_MOST_HIRES:g}, not {factor:g}.")
    strength = _HIRES_STRENGTH if strength is None else strength
    if not 0 < strength <= 1:
        raise InvalidParams(
            "hires_strength", f"--hires-strength is above 0 and at most 1, not {strength:g}."
        )
    width, height = (side * factor for side in size)
    if max(width, height) > model.max_side:
        raise InvalidParams(
            "hires",
            f"--hires {factor:g} would make {width:.0f}×{height:.0f}, and {model.name} draws at "
            f"most {model.max_side} pixels on a side.",
        )
    return factor, strength, (model.nearest_side(width), model.nearest_side(height))


def _too_large(size: tuple[int, int], longest: int, model: ModelInfo | None) -> Exception:
    shown = f"{size[0]}×{size[1]}"
    if model is not None and model.max_side < longest:
        return InvalidParams(
            "factor",
            f"The picture has {shown} already, and {model.name} draws at most {model.max_side} "
            "pixels on a side.",
        )
    return over_limit(
        "max_side", longest, f"The picture has {shown} already, and a larger one would pass"
    )
