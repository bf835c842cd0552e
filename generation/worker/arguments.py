"""A job as arguments of a pipeline's call: sizes, steps, strength, and what it starts from."""

from __future__ import annotations

import inspect
import io
from typing import Any

from PIL import Image

from generation.backends.base import Work
from generation.errors import Unavailable
from generation.images import Patch
from generation.types import Params, Task


def steps_of(params: Params) -> tuple[int, str | None]:
    """Steps to ask for: at least one must remain after ``strength`` has taken its share."""
    steps = params.steps
    if int(steps * params.strength) >= 1:
        return steps, None
    while int(steps * params.strength) < 1:
        steps += 1
    return steps, f"Steps were raised to {steps}: this strength leaves none of {params.steps}."


def task_arguments(pipe: Any, work: Work, count: int) -> dict[str, Any]:
    """What the pipeline's call is told of the task for so many pictures, as far as it listens.

    Raises ``Unavailable`` when a picture is missing.
    """
    params = work.params
    accepted = inspect.signature(pipe.__call__).parameters
    sides = {"width": params.width, "height": params.height}
    arguments: dict[str, Any] = {side: sides[side] for side in sides if side in accepted}
    if params.eta and "eta" in accepted:
        arguments["eta"] = params.eta
    if "max_area" in accepted:  # some would scale what is asked for to an area of their own
        arguments |= {"max_area": params.width * params.height}
    if params.task not in {Task.IMG2IMG, Task.INPAINT}:
        return arguments
    arguments["strength"] = params.strength
    if "_auto_resize" in accepted:  # or it would draw in the size that it was trained on
        arguments["_auto_resize"] = False
    if params.task is Task.INPAINT:
        patch = read_patch(work)
        arguments["image"] = [patch.start()] * count
        arguments["mask_image"] = [patch.mask()] * count
    else:
        arguments["image"] = [_read_input(work.image, params)] * count
    return arguments


def read_patch(work: Work) -> Patch:
    """What an inpainting job redraws. Raises ``Unavailable`` when a picture is missing."""
    if work.image is None or work.mask is None:
        raise _missing(work.params)
    return Patch.of(work.image, work.mask, work.params)


def _missing(params: Params) -> Unavailable:
    return Unavailable(detail=f"a {params.task} job came without its picture")


def _read_input(png: bytes | None, params: Params) -> Image.Image:
    if png is None:
        raise _missing(params)
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        picture = opened.convert("RGB")
    size = (params.width, params.height)
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
