"""How many jobs of a freshly loaded model are worth drawing at once."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any

from PIL import Image

from generation.backends.base import Work
from generation.types import JobId, Params, Task
from generation.worker.calibration import Calibration
from generation.worker.calls import Call, Shared, measure
from generation.worker.gatherer import Gatherer, Seat
from generation.worker.joining import Contents
from generation.worker.models import LoadedModel
from generation.worker.painter import paint
from generation.worker.placement import Placement

_BY_COST = (Task.TXT2IMG, Task.IMG2IMG, Task.INPAINT, Task.EDIT)
_LOG = logging.getLogger(__name__)


def known_slots(model: LoadedModel, fixed: int | None) -> int | None:
    """Jobs at once, as the operator fixed or as was measured before; None to have it measured."""
    if model.room.usual is not Placement.WHOLE:
        return 1  # its parts move while they are used
    if getattr(model.denoiser, "is_cache_enabled", False):
        return 1  # what it keeps from one step for the next belongs to one job
    if fixed is not None:
        return fixed
    limits = model.shared.limits
    known = limits.known(_usual(model)) if isinstance(limits, Calibration) else None
    return None if known is None else known.jobs


def measure_slots(model: LoadedModel, gatherer: Gatherer) -> int:
    """Measure it at the model's usual size. On the device's thread, with no job running.

    One where that fails: the first job will tell why.
    """
    limits = model.shared.limits
    if not isinstance(limits, Calibration):
        return 1
    recorder = _Recorder(gatherer)
    try:
        paint(model, _usual_work(model), seat=recorder, on_step=lambda _: None)
    except _Recorded:
        call = recorder.call
    except Exception as error:  # noqa: BLE001  # a model that cannot draw fails its jobs, not this
        _LOG.warning("not_measured model=%s cause=%s", model.info.name, type(error).__name__)
        return 1
    if call is None or call.shape is None:
        return 1
    measure(call)
    known = limits.known(call.shape.size)
    if known is None:
        return 1
    limits.note(_usual(model), known)
    return known.jobs


class _Recorded(Exception):
    """Leaves a pipeline at its first call of the denoiser."""


class _Recorder(Seat):
    """A seat that keeps the first call of the denoiser instead of making it."""

    def __init__(self, gatherer: Gatherer) -> None:
        super().__init__(gatherer, 0, exact=True)
        self.call: Call | None = None

    def step(
        self,
        shared: Shared,
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        *,
        outfit: Hashable = (),  # noqa: ARG002
        wear: Callable[[], None] | None = None,  # noqa: ARG002  # the bare model is measured
    ) -> Any:
        """Keep the call and leave."""
        self.call = Call(function=shared.call, args=args, options=options, shared=shared)
        self.call.look(Contents())
        raise _Recorded


def _usual(model: LoadedModel) -> str:
    info = model.info
    guided = "guided" if info.guidance_scale > 1 else "plain"
    return f"{info.width}x{info.height} pixels, {guided}"


def _usual_work(model: LoadedModel) -> Work:
    info = model.info
    task = next(task for task in _BY_COST if task in info.tasks)
    params = Params(
        task=task,
        model=info.name,
        prompt="",
        negative_prompt="",
        width=info.width,
        height=info.height,
        steps=info.steps,
        guidance_scale=info.guidance_scale,
        sampler=info.sampler,
        scheduler=info.scheduler,
        seed=0,
        count=1,
    )
    job = JobId("calibration")
    if task is Task.TXT2IMG:
        return Work(job_id=job, params=params)
    grey, everything = (_flat(mode, info.width, info.height) for mode in ("RGB", "L"))
    if task is Task.EDIT:
        return Work(job_id=job, params=replace(params, references=1), references=(grey,))
    return Work(job_id=job, params=params, image=grey, mask=everything)


def _flat(mode: str, width: int, height: int) -> bytes:
    """A picture of one light colour, for a model that cannot do without."""
    buffer = io.BytesIO()
    Image.new(mode, (width, height), "white").save(buffer, "PNG")
    return buffer.getvalue()
