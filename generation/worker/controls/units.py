"""A job's controls made ready: its pictures prepared, and turned into what the ControlNets see."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from generation.backends.base import Work
from generation.errors import ControlUnusable, Unavailable
from generation.images import Patch
from generation.types import Control, Params, Task
from generation.worker.controls.base import Hint
from generation.worker.controls.depth import DepthEstimator
from generation.worker.controls.loaded import LoadedControl
from generation.worker.controls.preparing import PREPARERS
from generation.worker.controls.standin import Unit
from generation.worker.models import LoadedModel

Run = Callable[[Callable[[], Any]], Any]
"""Has the device's thread do something and waits for it."""


def units_for(
    work: Work, held: Sequence[LoadedControl], model: LoadedModel, run: Run
) -> tuple[Unit, ...]:
    """The job's units, in its order, in the job's own thread.

    Lines are found in that thread; what needs a model is done on the device by ``run``. Raises
    ``ControlUnusable`` for a kind that cannot be found in a picture here.
    """
    ready = zip(work.params.controls, held, _pictures(work), strict=True)
    return tuple(_unit(control, one, picture, model, run) for control, one, picture in ready)


def _unit(
    control: Control, held: LoadedControl, picture: Image.Image, model: LoadedModel, run: Run
) -> Unit:
    shown = _pixels(_prepared(control, picture, model.depth, run))

    def look() -> torch.Tensor:
        return held.file.net.look(model.base, held.module, shown.to(model.device))

    return Unit(
        control=held,
        hint=Hint(seen=run(look), number=held.file.kinds[control.kind]),
        weight=control.weight,
        start=control.start,
        end=control.end,
    )


def _prepared(
    control: Control, picture: Image.Image, depth: DepthEstimator | None, run: Run
) -> Image.Image:
    if not control.prepare:
        return picture
    if control.kind == "depth" and depth is not None:
        shown: Image.Image = run(lambda: depth.estimate(picture))
        return shown
    prepare = PREPARERS.get(control.kind)
    if prepare is None:
        raise ControlUnusable(
            f"A picture for {control.kind} cannot be made of another one here. "
            "Give one that shows it already."
        )
    return prepare(picture)


def _pictures(work: Work) -> tuple[Image.Image, ...]:
    """The job's pictures for its controls, as large as what the model draws."""
    params = work.params
    if len(work.controls) != len(params.controls):
        raise Unavailable(detail="a controlled job came without its pictures")
    if params.task is Task.INPAINT and work.image is not None and work.mask is not None:
        patch = Patch.of(work.image, work.mask, params)
        return tuple(patch.of_another(png) for png in work.controls)
    return tuple(_opened(png, params) for png in work.controls)


def _opened(png: bytes, params: Params) -> Image.Image:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        picture = opened.convert("RGB")
    size = (params.width, params.height)
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _pixels(picture: Image.Image) -> torch.Tensor:
    """1 × 3 × rows × columns, 0 … 1."""
    values = torch.from_numpy(np.array(picture, dtype=np.float32))
    return values.div(255).permute(2, 0, 1)[None]
