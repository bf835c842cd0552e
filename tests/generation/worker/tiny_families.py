"""Jobs for models of tiny dimensions with random weights, drawn by the worker's own painter."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.pipelines.flux import pipeline_flux_kontext as kontext
from diffusers.pipelines.qwenimage import (
    pipeline_qwenimage_edit as edit,
    pipeline_qwenimage_edit_plus as plus,
)
from PIL import Image

from generation.backends.base import ModelInfo, Work
from generation.types import JobId, Task
from generation.worker.calls import Shared
from generation.worker.families import find_family, read_traits
from generation.worker.families.base import Family, ModelFiles
from generation.worker.gatherer import Gatherer, Seat
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.painter import Painting, Step, paint
from generation.worker.random_models import PREFIX, TINY
from generation.worker.random_models.architectures import ARCHITECTURES
from generation.worker.random_models.source import random_model
from generation.worker.settings import LocalModel, WorkerSettings
from tests.generation.local_models import params
from tests.generation.worker.held_device import PATIENCE, held_device

NAMES = tuple(ARCHITECTURES)
WIDTH, HEIGHT = 64, 96
DEVICE = torch.device(os.environ.get("EASEL_TEST_DEVICE", "cpu"))


def family_of(name: str) -> Family:
    return find_family(_files_of(name).class_name)


def tasks_of(name: str) -> list[Task]:
    """What a model can do, from what asks least of it."""
    able = family_of(name).tasks(read_traits(_files_of(name)))
    return [task for task in Task if task in able]


def _files_of(name: str) -> ModelFiles:
    return random_model(Path(f"{PREFIX}{TINY}{name}")).examine()


TASKS = [(name, task) for name in NAMES for task in tasks_of(name)]
WITHOUT_END = ("qwen-image-edit", "qwen-image-edit-plus")  # they read texts of any length
USUAL = {name: tasks_of(name)[0] for name in NAMES}


@cache
def loaded(name: str) -> LoadedModel:
    torch.set_num_threads(1)  # more only fight over a busy machine's processors
    model = load(LocalModel(name=name, title=name, path=Path(f"{PREFIX}{TINY}{name}")))
    generator = torch.Generator().manual_seed(0)
    for weights in model.denoiser.parameters():
        if not weights.any():
            # Gates begin closed, so that a model that was never trained ignores its text.
            gates = torch.empty(weights.shape).normal_(std=0.2, generator=generator)
            weights.copy_(gates)
    return model


def load(
    model: LocalModel, dtype: torch.dtype = torch.float32, *, slots: int | None = 8
) -> LoadedModel:
    settings = WorkerSettings(models=(model,), slots=slots)
    shelf = ModelShelf(settings, DEVICE, dtype)
    shelf.open()
    return shelf.load(model.name)


@contextmanager
def small_looks() -> Iterator[None]:
    """Some families look at every picture in a megapixel; inside they do so in a hundredth."""
    sized = plus.calculate_dimensions

    def smaller(area: float, ratio: float) -> tuple[int, int]:
        width, height = sized(area / 100, ratio)
        return int(width), int(height)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plus, "calculate_dimensions", smaller)
        patch.setattr(kontext, "PREFERRED_KONTEXT_RESOLUTIONS", [(64, 96), (96, 96)])
        patch.setattr(edit, "calculate_dimensions", lambda *shape: (*smaller(*shape), None))
        yield


def draw(
    model: LoadedModel,
    gatherer: Gatherer,
    on_step: Callable[[Step], None] = lambda _: None,
    seat: Seat | None = None,
    references: tuple[bytes, ...] = (),
    **changes: Any,
) -> Painting:
    info = model.info
    wish = work_for(info, references, **changes)
    own = seat or gatherer.seat()
    try:
        return paint(model, wish, seat=own, on_step=on_step)
    finally:
        own.leave()


def work_for(info: ModelInfo, references: tuple[bytes, ...] = (), **changes: Any) -> Work:
    """A job of the model's usual task, with what pictures that needs."""
    task = changes.get("task", USUAL[info.name])
    redraws = task in {Task.IMG2IMG, Task.INPAINT}
    looks = len(references) or int(task is Task.EDIT)
    chosen = {
        "task": task,
        "references": looks,
        "model": info.name,
        "width": WIDTH,
        "height": HEIGHT,
        "steps": 2,
        "guidance_scale": info.guidance_scale,
        "sampler": info.sampler,
        "strength": 0.6 if redraws else 1.0,
        **changes,
    }
    return Work(
        job_id=JobId("job"),
        params=params(**chosen),
        image=png("RGB", (200, 40, 90)) if redraws else None,
        mask=png("L", 255, half=0) if task is Task.INPAINT else None,
        references=references or (png("RGB", (90, 200, 40)),) * looks,
    )


def png(mode: str, colour: Any, half: Any = None, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    picture = Image.new(mode, size, colour)
    if half is not None:
        picture.paste(half, (0, 0, WIDTH // 2, HEIGHT))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def pixels(painting: Painting) -> list[torch.Tensor]:
    return [picture.pixels for _, picture in painting.pictures if picture.pixels is not None]


def picture(model: LoadedModel, gatherer: Gatherer, **changes: Any) -> torch.Tensor:
    (only,) = pixels(draw(model, gatherer, **changes))
    return only


@dataclass(frozen=True, kw_only=True, slots=True)
class Meeting:
    """Jobs' last latents, drawn one after another and together, and calls of the denoiser."""

    alone: list[torch.Tensor]
    together: list[torch.Tensor]
    calls_alone: int
    calls_together: int

    def difference(self) -> float:
        """The largest, by the latents' own size: random weights magnify rounding."""
        return max(
            float((together - alone).abs().max()) / max(1.0, float(alone.abs().max()))
            for alone, together in zip(self.alone, self.together, strict=True)
        )


def meet(model: LoadedModel, jobs: Sequence[Mapping[str, Any]]) -> Meeting:
    """Draw the jobs each by itself, and then all of them in shared steps."""
    calls = list[int]()
    handle = model.denoiser.register_forward_hook(lambda *_: calls.append(1))
    with held_device() as device, ThreadPoolExecutor(len(jobs)) as threads:
        alone = [_latents(model, device, job) for job in jobs]
        calls_alone = len(calls)
        calls.clear()
        device.hold_steps(len(jobs))
        waiting = [threads.submit(_latents, model, device, job) for job in jobs]
        together = [each.result(PATIENCE) for each in waiting]
    handle.remove()
    return Meeting(
        alone=alone, together=together, calls_alone=calls_alone, calls_together=len(calls)
    )


def _latents(model: LoadedModel, device: Gatherer, job: Mapping[str, Any]) -> torch.Tensor:
    kept = list[torch.Tensor]()
    seat = device.seat()
    original = seat.each

    def keeping(shared: Shared, rows: torch.Tensor) -> list[Any]:
        kept.append(rows.clone())
        return original(shared, rows)

    seat.each = keeping  # type: ignore[method-assign]
    draw(model, device, seat=seat, **job)
    return torch.cat(kept)
