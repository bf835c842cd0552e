"""One job on the device: prompt to latents to pixels, with cancelling and too little memory."""

from __future__ import annotations

import inspect
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from generation.backends.base import Work
from generation.errors import OutOfMemory
from generation.worker.adapters import Outfit, outfit_of
from generation.worker.arguments import steps_of, task_arguments
from generation.worker.controls.loaded import LoadedControl
from generation.worker.controls.standin import Course
from generation.worker.controls.units import units_for
from generation.worker.families.base import Guidance
from generation.worker.forecasts import forecast
from generation.worker.gatherer import JobCancelled, Seat
from generation.worker.ladder import Stage, Way, narrower
from generation.worker.likeness import TASKS
from generation.worker.looking import Sight, arguments_for, sight_of
from generation.worker.memory import is_out_of_memory
from generation.worker.models import LoadedModel
from generation.worker.noise import generators_for, varied_noise
from generation.worker.pixels import Decoded
from generation.worker.placement import Placement, can_offload
from generation.worker.prompts import Manner, Texts
from generation.worker.samplers import AUTOMATIC, draw_noise_from
from generation.worker.sifting import sift, withhold

_LOG = logging.getLogger(__name__)
_NEGATIVE_IGNORED = "At a guidance of {scale:g} this model ignores the negative prompt."


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A finished denoising step.

    ``foreseen`` gives the batch's clean latents as the model expects them by now, pictures ×
    channels × rows × columns. To be called in the step's own callback, if at all.
    """

    number: int
    total: int
    eta_seconds: float
    foreseen: Callable[[], torch.Tensor]


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
    seat: Seat,
    on_step: Callable[[Step], None],
) -> Painting:
    """Make the job's pictures. Where memory is short they are made in ever narrower ways.

    The device is used through ``seat``. The pictures of an exact job are made one by one.

    Raises ``JobCancelled`` within one step of the seat being cancelled, ``BlankOutput`` or
    ``Withheld`` when no picture is left, ``OutOfMemory`` when there is no way left, and what the
    device raises.
    """
    easel = _Easel(
        model=model,
        work=work,
        seat=seat,
        on_step=on_step,
        outfit=outfit_of(work.params.loras, _likeness(model, work)),
        sight=sight_of(work),
    )
    _paint_all(easel)
    easel.painting.notes = list(dict.fromkeys(easel.painting.notes))
    easel.painting.pictures, more = sift(easel.painting.pictures, model.dtype)
    easel.painting.notes += more
    return easel.painting


def _likeness(model: LoadedModel, work: Work) -> float | None:
    """How much the job's pictures count for the model's IP-Adapter; None where it has none."""
    params = work.params
    looks = params.references and model.adapters.likeness is not None and params.task in TASKS
    return params.reference_weight if looks else None


def _paint_all(easel: _Easel) -> None:
    """Make all pictures, in a narrower way after each one that had no room."""
    params, room, device = easel.work.params, easel.model.room, easel.model.device
    asked = 1 if params.exact or easel.model.family.singly else params.count
    way: Way | None = Way(pictures=asked, placement=room.usual)
    while way is not None:
        with room.held(way, easel.seat) as is_placed:
            failed = _paint_on(easel, way) if is_placed else Stage.DENOISING
        if failed is None:
            easel.painting.notes += way.notes(asked)
            return
        easel.seat.see_to(easel.model.controls.give_back)
        _LOG.warning("no_room job=%s way=%s stage=%s", easel.work.job_id, way, failed.name)
        way = narrower(way, failed, can_offload=can_offload(device))
    raise OutOfMemory


def _paint_on(easel: _Easel, way: Way) -> Stage | None:
    model, run = easel.model, easel.seat.run
    kinds = [control.kind for control in easel.work.params.controls]
    apart = way.is_alone or way.placement is not Placement.WHOLE
    with (
        model.adapters.held(easel.outfit, run),
        model.controls.held(kinds, run, apart=apart) as held,
    ):
        easel.held = held
        try:
            return easel.go_on(way)
        finally:
            easel.held = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Denoised:
    """A batch that only has to be decoded."""

    seeds: Sequence[int]
    latents: torch.Tensor
    pipe: Any
    notes: list[str]


@dataclass(kw_only=True, slots=True)
class _Easel:
    """A job being painted, batch by batch."""

    model: LoadedModel
    work: Work
    seat: Seat
    on_step: Callable[[Step], None]
    outfit: Outfit = ()
    held: Sequence[LoadedControl] = ()
    course: Course = field(default_factory=Course)
    sight: Sight | None = None
    painting: Painting = field(default_factory=Painting)
    undecoded: _Denoised | None = None
    batches: int = 1
    batches_done: int = 0
    began: float = field(default_factory=time.monotonic)

    def go_on(self, way: Way) -> Stage | None:
        """Make the pictures that are still missing; when there was no room, for what.

        What has been made stays: pictures, and latents that only have to be decoded.
        """
        seeds = self.work.params.seeds()
        while (made := len(self.painting.pictures)) < len(seeds):
            self.batches_done = made // way.pictures
            self.batches = math.ceil(len(seeds) / way.pictures)
            stage = Stage.DENOISING
            try:
                if self.undecoded is None:
                    self.undecoded = self._denoise(seeds[made : made + way.pictures])
                self._check_cancelled()
                stage = Stage.DECODING
                self._decode(self.undecoded)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                return stage
            self.undecoded = None
        return None

    def _decode(self, batch: _Denoised) -> None:
        model = self.model
        with torch.no_grad():
            latents = model.family.decodable(model.base.vae, self._spatial(batch.latents))
        decoder = model.seamless_decoder if self.work.params.tiling else model.decoder
        decoded: list[Decoded] = self.seat.each(decoder, latents)
        if getattr(batch.pipe, "safety_checker", None) is not None:
            self.seat.run(lambda: withhold(batch.pipe, decoded, model.device))
        self.painting.pictures += zip(batch.seeds, decoded, strict=True)
        self.painting.notes += batch.notes
        self.painting.notes += [note for picture in decoded for note in picture.notes]

    def _denoise(self, seeds: Sequence[int]) -> _Denoised:
        params = self.work.params
        family = self.model.family
        texts = self._texts(len(seeds))
        pipe, note = self.model.pipeline(
            params.task,
            params.sampler,
            params.scheduler,
            seat=self.seat,
            outfit=self.outfit,
            parts=texts.parts,
            units=units_for(self.work, self.held, self.model, self.seat.run),
            course=self.course,
            tiling=params.tiling,
        )
        family.insist(pipe, params.width, params.height)
        generators = generators_for(params, seeds)
        draw_noise_from(pipe.scheduler, generators)
        self.painting.scheduler = AUTOMATIC if note is not None else params.scheduler
        steps, steps_note = steps_of(params)
        notes = [text for text in (note, steps_note, *texts.notes) if text]
        noise = {}
        if params.subseed_strength:
            noise["latents"] = varied_noise(pipe, params, seeds, generators, self.model.dtype)
        shown = self._shown(len(seeds))
        self._check_cancelled()
        self.course.done = 0
        try:
            with self.seat.denoising():
                latents = pipe(
                    num_inference_steps=steps,
                    generator=generators,
                    output_type="latent",
                    return_dict=False,
                    **texts.arguments,
                    **family.guide(self._scale()),
                    **family.options,
                    **task_arguments(pipe, self.work, len(seeds)),
                    **shown,
                    **noise,
                    **self._callback(pipe),
                )[0]
        finally:
            # Re-arms offloading and empties step caches, which an exception would skip.
            pipe.maybe_free_model_hooks()
        return _Denoised(seeds=seeds, latents=latents, pipe=pipe, notes=notes)

    def _shown(self, count: int) -> Mapping[str, Any]:
        """What the job looks at, as arguments for so many pictures."""
        likeness, sight, model = self.model.adapters.likeness, self.sight, self.model
        if sight is None or likeness is None or self.work.params.task not in TASKS:
            return arguments_for(model.family, self.work, sight, count)
        seen = self.seat.run(lambda: likeness.see(sight.pictures, is_guided=self._is_guided))
        return {"ip_adapter_image_embeds": [seen]}

    @property
    def _is_guided(self) -> bool:
        guidance, scale = self.model.traits.guidance, self.work.params.guidance_scale
        return guidance is Guidance.CLASSIFIER_FREE and scale > self.model.family.guided_above

    def _texts(self, count: int) -> Texts:
        """Prompt and, where it has an effect, negative prompt, for so many pictures."""
        params, model, is_guided = self.work.params, self.model, self._is_guided
        negative = params.negative_prompt if is_guided else None
        manner = Manner(layer=params.clip_skip, outfit=self.outfit, sight=self.sight)
        texts = self.seat.run(
            lambda: model.prompts.arguments(params.prompt, negative, count, manner)
        )
        if params.negative_prompt and not is_guided:
            note = _NEGATIVE_IGNORED.format(scale=params.guidance_scale)
            return replace(texts, notes=(*texts.notes, note))
        return texts

    def _callback(self, pipe: Any) -> dict[str, Any]:
        """What the pipeline calls after each step, in the form that this pipeline knows."""
        if "callback_on_step_end" in inspect.signature(pipe.__call__).parameters:
            return {"callback_on_step_end": self._after_step}
        # The older form is called once for all the calls of a step.
        order = int(getattr(pipe.scheduler, "order", 1))

        def after_step(step: int, timestep: Any, latents: torch.Tensor) -> None:
            self._after_step(pipe, (step + 1) * order - 1, timestep, {"latents": latents})

        return {"callback": after_step, "callback_steps": 1}

    def _scale(self) -> float:
        """The guidance; its own for a model that needs none, which would fail at another."""
        traits = self.model.traits
        is_free = traits.guidance is not Guidance.NONE
        return self.work.params.guidance_scale if is_free else traits.guidance_scale

    def _spatial(self, latents: torch.Tensor) -> torch.Tensor:
        params = self.work.params
        return self.model.family.spatial(latents, params.width, params.height)

    def _after_step(
        self, pipe: Any, index: int, _timestep: Any, values: dict[str, Any]
    ) -> dict[str, Any]:
        self._check_cancelled()
        self.course.done = index + 1
        calls = self.course.total
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
            foreseen=lambda: self._spatial(forecast(pipe.scheduler, values["latents"])),
        )
        self.on_step(step)
        return values

    def _check_cancelled(self) -> None:
        if self.seat.is_cancelled:
            raise JobCancelled
