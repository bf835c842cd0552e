"""A model in the device's memory, and the pipelines that jobs get over its weights."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import diffusers
import torch

from generation.backends.base import ModelInfo
from generation.types import Task
from generation.worker.adapters import Adapters, Outfit
from generation.worker.calls import Shared
from generation.worker.composition import ComposedStandIn
from generation.worker.controls.depth import DepthEstimator
from generation.worker.controls.loaded import Controls, LoadedControl
from generation.worker.controls.standin import ControlledStandIn, Course, Unit
from generation.worker.families.base import Family, Traits
from generation.worker.forecasts import watch
from generation.worker.gatherer import Seat
from generation.worker.placement import computing_on
from generation.worker.previews import Previewer
from generation.worker.prompts import Part, PromptCache
from generation.worker.room import Room
from generation.worker.samplers import build_scheduler
from generation.worker.seamless import seamless
from generation.worker.speed.accelerator import Accelerator
from generation.worker.standins import DenoiserStandIn, PartStandIn


@dataclass(kw_only=True, slots=True)
class LoadedModel:
    """A model in the device's memory. Everything here is shared by jobs except schedulers."""

    info: ModelInfo
    family: Family
    traits: Traits
    base: Any
    device: torch.device
    dtype: torch.dtype
    prompts: PromptCache
    previewer: Previewer
    shared: Shared
    decoder: Shared
    seamless: Shared
    """The denoiser for pictures whose edges meet; the next is their decoder."""
    seamless_decoder: Shared
    controls: Controls
    depth: DepthEstimator | None
    adapters: Adapters
    room: Room
    speed: Accelerator
    schedulers: dict[tuple[str, str], tuple[Any, str | None]] = field(default_factory=dict)
    """Those that jobs have asked for so far, by sampler and schedule, unused."""

    @property
    def denoiser(self) -> Any:
        """The module that is called in every step."""
        return getattr(self.base, self.family.denoiser)

    def pipeline(
        self,
        task: Task,
        sampler: str,
        schedule: str,
        *,
        seat: Seat | None = None,
        outfit: Outfit = (),
        parts: Sequence[Part] = (),
        units: Sequence[Unit] = (),
        course: Course | None = None,
        tiling: bool = False,
    ) -> tuple[Any, str | None]:
        """A pipeline of this job's own, with its own scheduler, over the shared weights.

        With a ``seat`` its modules are used through that, from any thread, with the LoRAs of
        ``outfit``, which must be held, all of the ``parts`` that AND joins, and the ControlNets of
        the ``units``, for which ``course`` says how far the loop is; with ``tiling`` edges meet.
        Without one they may only be used where nobody else does. Also a note for the member, when
        the sampler does not have that schedule.
        """
        scheduler, note = self._scheduler(sampler, schedule)
        watch(scheduler)
        kind: Any = getattr(diffusers, self.family.pipelines[task])
        accepted = _parameters(kind)
        own = {**self.base.config, **self.base.components, "scheduler": scheduler}
        chosen = {name: part for name, part in own.items() if name in accepted}
        if seat is not None:
            chosen = {name: _stand_in(part, seat, tiling) for name, part in chosen.items()}
            course = course or Course()
            plain = self._denoiser_for(seat, outfit, units, course, tiling=tiling)
            told = ComposedStandIn(plain, self.shared.names, parts) if parts else plain
            chosen[self.family.denoiser] = told
            kind = computing_on(self.device, kind)
        pipe = kind(**chosen)
        if course is not None:
            course.pipe = pipe
        pipe.set_progress_bar_config(disable=True)
        return pipe, note

    def _scheduler(self, sampler: str, schedule: str) -> tuple[Any, str | None]:
        """A fresh scheduler: a copy of one that nobody uses, made in a tenth of the time."""
        key = (sampler, schedule)
        if key not in self.schedulers:
            kit = self.traits.kit
            self.schedulers[key] = build_scheduler(self.base.scheduler, kit, sampler, schedule)
        unused, note = self.schedulers[key]
        return copy.deepcopy(unused), note

    def _denoiser_for(
        self, seat: Seat, outfit: Outfit, units: Sequence[Unit], course: Course, *, tiling: bool
    ) -> Any:
        def wear() -> None:
            self.adapters.wear(outfit)
            self.speed.choose(plain=seat.is_exact or bool(outfit) or tiling)

        def ask(control: LoadedControl, asked: Mapping[str, Any]) -> Any:
            shared = control.seamless if tiling else control.plain
            if control.file.net.borrows:
                return seat.step(shared, (), asked, outfit=outfit, wear=wear)
            return seat.step(shared, (), asked)

        shared = self.seamless if tiling else self.shared
        dressed = DenoiserStandIn(seat, shared, outfit=outfit, wear=wear, module=self.denoiser)
        if not units:
            return dressed
        return ControlledStandIn(dressed, shared.names, units, course=course, ask=ask)


@functools.cache
def _parameters(kind: Any) -> frozenset[str]:
    return frozenset(inspect.signature(kind.__init__).parameters)


def _stand_in(part: Any, seat: Seat, tiling: bool) -> Any:
    if not isinstance(part, torch.nn.Module):
        return part
    return PartStandIn(seat, part, around=seamless) if tiling else PartStandIn(seat, part)
