"""One job on the device: prompt to latents to pixels, with cancelling and too little memory."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image

from generation.backends.base import Work
from generation.errors import BlankOutput, OutOfMemory, Unavailable
from generation.types import Params, Task
from generation.worker.memory import is_out_of_memory, release
from generation.worker.models import LoadedModel
from generation.worker.pixels import Decoded, decode_latents
from generation.worker.samplers import AUTOMATIC

_WITHHELD = "The model's safety checker withheld this picture."


class JobCancelled(Exception):
    """Raised inside the denoising loop to leave it before the picture is decoded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A finished denoising step. ``latents`` are the batch's, in the scheduler's own scale."""

    number: int
    total: int
    eta_seconds: float
    latents: torch.Tensor
    scheduler: Any


@dataclass(kw_only=True, slots=True)
class Painting:
    """What the device made: one picture per seed, in order, and what the member should know."""

    pictures: list[tuple[int, Decoded]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    scheduler: str = AUTOMATIC
    """The schedule that was used, which is not the asked-for one where the sampler lacks it."""


def paint(
    model: LoadedModel,
    work: Work,
    *,
    on_step: Callable[[Step], None],
    is_cancelled: Callable[[], bool],
) -> Painting:
    """Make the job's pictures. When memory runs out the batch is halved, down to one picture.

    Raises ``JobCancelled`` within one step of ``is_cancelled`` turning true, ``BlankOutput`` when
    every picture is empty, ``OutOfMemory`` when one alone has no room, and what the device raises.
    """
    if work.params.loras:
        raise Unavailable(detail="this worker has no LoRAs")
    easel = _Easel(model=model, work=work, on_step=on_step, is_cancelled=is_cancelled)
    seeds = work.params.seeds()
    size = len(seeds)
    while len(easel.painting.pictures) < len(seeds):
        made = len(easel.painting.pictures)
        easel.batches_done, easel.batches = made // size, math.ceil(len(seeds) / size)
        if easel.try_batch(seeds[made : made + size]):
            continue
        release(model.device)
        if size == 1:
            raise OutOfMemory
        size = math.ceil(size / 2)
        easel.painting.notes.append(f"Memory was short, so at most {size} were made at a time.")
    easel.painting.notes = list(dict.fromkeys(easel.painting.notes))
    _drop_empty(easel.painting)
    return easel.painting


@dataclass(kw_only=True, slots=True)
class _Easel:
    """A job being painted, batch by batch."""

    model: LoadedModel
    work: Work
    on_step: Callable[[Step], None]
    is_cancelled: Callable[[], bool]
    painting: Painting = field(default_factory=Painting)
    batches: int = 1
    batches_done: int = 0
    began: float = field(default_factory=time.monotonic)

    def try_batch(self, seeds: Sequence[int]) -> bool:
        """Add a batch to the painting; False when it did not fit, with nothing left behind."""
        vae, device = self.model.base.vae, self.model.device
        try:
            latents, pipe, notes = self._denoise(seeds)
            self._check_cancelled()
            with torch.inference_mode():
                decoded, more = decode_latents(vae, latents, device)
                _withhold(pipe, decoded, notes)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        self.painting.pictures += zip(seeds, decoded, strict=True)
        self.painting.notes += notes + more
        return True

    def _denoise(self, seeds: Sequence[int]) -> tuple[torch.Tensor, Any, list[str]]:
        params = self.work.params
        pipe, note = self.model.pipeline(params.task, params.sampler, params.scheduler)
        prompt = self.model.prompts.encode(params.prompt)
        negative = self.model.prompts.encode(params.negative_prompt)
        self.painting.scheduler = AUTOMATIC if note is not None else params.scheduler
        steps, steps_note = _steps(params)
        notes = [text for text in (note, steps_note, prompt.note, negative.note) if text]
        self._check_cancelled()
        try:
            result = pipe(
                prompt_embeds=prompt.embedding.repeat(len(seeds), 1, 1),
                negative_prompt_embeds=negative.embedding.repeat(len(seeds), 1, 1),
                num_inference_steps=steps,
                guidance_scale=params.guidance_scale,
                # On the processor, so that a seed means the same picture on every device.
                generator=[torch.Generator().manual_seed(seed) for seed in seeds],
                output_type="latent",
                callback_on_step_end=self._after_step,
                **_task_arguments(self.work, len(seeds)),
            )
        finally:
            # Re-arms offloading and empties step caches, which an exception would skip.
            pipe.maybe_free_model_hooks()
        return result.images, pipe, notes

    def _after_step(
        self, pipe: Any, index: int, _timestep: Any, values: dict[str, Any]
    ) -> dict[str, Any]:
        self._check_cancelled()
        calls = int(pipe.num_timesteps)
        # Second-order samplers call the model twice for a step.
        order = int(getattr(pipe.scheduler, "order", 1))
        total = math.ceil(calls / order)
        number = min(total, math.ceil((index + 1) / order))
        done = self.batches_done * calls + index + 1
        spent = time.monotonic() - self.began
        step = Step(
            number=self.batches_done * total + number,
            total=self.batches * total,
            eta_seconds=spent / done * (self.batches * calls - done),
            latents=values["latents"],
            scheduler=pipe.scheduler,
        )
        self.on_step(step)
        return values

    def _check_cancelled(self) -> None:
        if self.is_cancelled():
            raise JobCancelled


def _steps(params: Params) -> tuple[int, str | None]:
    """Steps to ask for: at least one must remain after ``strength`` has taken its share."""
    steps = params.steps
    if params.task is Task.TXT2IMG or int(steps * params.strength) >= 1:
        return steps, None
    while int(steps * params.strength) < 1:
        steps += 1
    return steps, f"Steps were raised to {steps}: this strength leaves none of {params.steps}."


def _task_arguments(work: Work, count: int) -> dict[str, Any]:
    params = work.params
    if params.task is Task.TXT2IMG:
        return {"width": params.width, "height": params.height}
    picture = read_input(work.image, "RGB", params)
    if params.task is Task.IMG2IMG:
        return {"image": [picture] * count, "strength": params.strength}
    mask = read_input(work.mask, "L", params)
    return {
        "image": [picture] * count,
        "mask_image": [mask] * count,
        "width": params.width,
        "height": params.height,
        "strength": params.strength,
    }


def read_input(png: bytes | None, mode: str, params: Params) -> Image.Image:
    """An input picture of a job, in the job's size. Raises ``Unavailable`` when it is missing."""
    if png is None:
        raise Unavailable(detail=f"a {params.task} job came without its picture")
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        picture = opened.convert(mode)
    size = (params.width, params.height)
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _withhold(pipe: Any, decoded: list[Decoded], notes: list[str]) -> None:
    """Let the model's safety checker, if it came with one, take pictures out."""
    if pipe.safety_checker is None:
        return
    for picture in decoded:
        if picture.pixels is None:
            continue
        values = picture.pixels.permute(2, 0, 1)[None].to(pipe.unet.device, pipe.unet.dtype)
        _, found = pipe.run_safety_checker(
            values / 127.5 - 1, pipe.unet.device, pipe.text_encoder.dtype
        )
        if found and found[0]:
            picture.pixels = None
            picture.flags = frozenset({"withheld"})
            notes.append(_WITHHELD)


def _drop_empty(painting: Painting) -> None:
    kept = [(seed, picture) for seed, picture in painting.pictures if picture.pixels is not None]
    lost = len(painting.pictures) - len(kept)
    if not kept:
        withheld = any("withheld" in picture.flags for _, picture in painting.pictures)
        raise BlankOutput(_WITHHELD if withheld else None)
    if lost:
        painting.notes.append(
            f"{lost} of {len(painting.pictures)} came out empty and were left out."
        )
    painting.pictures = kept
