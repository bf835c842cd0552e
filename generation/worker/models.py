"""The worker's models: what each one can do, and the one that is loaded."""

from __future__ import annotations

import copy
import functools
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import diffusers
import torch

from generation.backends.base import ModelInfo
from generation.errors import Unavailable
from generation.types import Task
from generation.worker.adapters import Adapters, Outfit
from generation.worker.calibration import Calibration, Limits, NoLimits, Notes
from generation.worker.calls import Shared
from generation.worker.candidates import Candidate, survey
from generation.worker.composition import ComposedStandIn
from generation.worker.controls.depth import DepthEstimator
from generation.worker.controls.files import describe as describe_controls
from generation.worker.controls.loaded import Controls, LoadedControl
from generation.worker.controls.standin import ControlledStandIn, Course, Unit
from generation.worker.devices import describe
from generation.worker.embeddings import teach
from generation.worker.families.base import Family, Traits
from generation.worker.forecasts import watch
from generation.worker.gatherer import Seat
from generation.worker.memory import is_out_of_memory, release
from generation.worker.pixels import decode_latents
from generation.worker.placement import Placement, can_offload, computing_on, place
from generation.worker.previews import Previewer, open_previewer
from generation.worker.prompts import Part, PromptCache
from generation.worker.room import Room
from generation.worker.samplers import build_scheduler
from generation.worker.seamless import made_seamless, seamless
from generation.worker.settings import WorkerSettings
from generation.worker.speed.accelerator import Accelerator
from generation.worker.speed.plan import Place
from generation.worker.standins import DenoiserStandIn, PartStandIn

_LOG = logging.getLogger(__name__)
_NO_ROOM = "There is not enough memory for this model right now. Another model may work."
_NO_ROOM_ADVICE = (
    "there is not enough memory for it: end what else uses the device, choose a smaller model, "
    'or set precision = "float16"'
)


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


class ModelShelf:
    """The models the operator named. One is resident at a time; asking for another swaps it.

    ``tell`` gets a model's name and what the operator should know of it, from any thread.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        device: torch.device,
        dtype: torch.dtype,
        *,
        tell: Callable[[str, str], None] = lambda _model, _text: None,
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._place = Place.of(device, dtype)
        self._device = device
        self._dtype = dtype
        self._known: dict[str, Candidate] = {}
        self._resident: LoadedModel | None = None
        self._notes = Notes(settings.calibration)
        folder = settings.controls.depth_estimator
        self._depth = None if folder is None else DepthEstimator(folder, device)

    def open(self) -> tuple[tuple[ModelInfo, ...], tuple[str, ...]]:
        """Read every model's files and load the first that works: usable models, and problems.

        Raises ``Unavailable`` when none is usable.
        """
        found = survey(self._settings, self._place)
        self._known, problems = dict(found.known), list(found.problems)
        for name in found.known:
            try:
                self.load(name)
                break
            except Unavailable as error:
                del self._known[name]
                problems.append(f"model {name}: {error.detail}")
        if not self._known:
            raise Unavailable(detail="; ".join(problems))
        return self.offer, tuple(problems)

    def rescan(self) -> tuple[tuple[ModelInfo, ...], tuple[str, ...]]:
        """Look at all files again: usable models, and problems. What is loaded stays loaded."""
        found = survey(self._settings, self._place)
        self._known = dict(found.known)
        return self.offer, found.problems

    @property
    def offer(self) -> tuple[ModelInfo, ...]:
        """The usable models."""
        return tuple(known.info for known in self._known.values())

    @property
    def notes(self) -> tuple[str, ...]:
        """How each usable model is made faster, and what can hold it, for the operator."""
        fast = [f"{name}: {known.plan.describe()}" for name, known in self._known.items()]
        held = [
            f"{name}: {describe_controls(known.info.controls)}"
            for name, known in self._known.items()
            if known.family.takes_controls
        ]
        return (*fast, *held)

    @property
    def resident(self) -> str | None:
        """The loaded model's name."""
        return self._resident.info.name if self._resident is not None else None

    def load(self, name: str) -> LoadedModel:
        """The model, loaded. Raises ``Unavailable`` when it is not there or fails to load."""
        if self._resident is not None and self._resident.info.name == name:
            return self._resident
        if name not in self._known:
            raise Unavailable(detail=f"the worker has no model {name!r}")
        self.close(wait=True)
        release(self._device)
        try:
            self._resident = self._read(self._known[name])
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            cause = str(error).partition("\n")[0]
        else:
            return self._resident
        # Outside the handler: its traceback would keep what was loaded alive.
        release(self._device)
        raise Unavailable(_NO_ROOM, detail=f"{_NO_ROOM_ADVICE} ({cause})")

    def close(self, *, wait: bool) -> None:
        """Let go of the loaded model; with ``wait``, nothing of it is left when this returns."""
        if self._resident is not None:
            self._resident.speed.close(wait=wait)
        self._resident = None

    def _read(self, known: Candidate) -> LoadedModel:
        base, usual = self._fetch(known)
        for part in base.components.values():
            if isinstance(part, torch.nn.Module):
                part.requires_grad_(requires_grad=False)
        if self._dtype != torch.float16 and "force_upcast" in base.vae.config:
            # Pipelines would turn the VAE that all jobs share to float32 and back for each picture.
            base.vae.register_to_config(force_upcast=False)
        kind: Any = type(base)
        base.__class__ = computing_on(self._device, kind)
        known.family.prepare(base)
        embeddings, problems = teach(base, known.extras.embeddings)
        for problem in problems:
            _LOG.warning("embedding_unusable detail=%s", problem)
        adapters = Adapters(base, known.family.denoiser, known.extras.loras)
        speed = Accelerator(
            known.plan if usual is Placement.WHOLE else known.plan.without_programs("in parts"),
            base=base,
            denoiser=getattr(base, known.family.denoiser),
            place=self._place,
            threads=self._settings.threads,
            folder=self._settings.compiled,
            build=known.build,
            tell=functools.partial(self._tell, known.info.name),
        )
        shared = Shared.of_module(getattr(base, known.family.denoiser), self._limits(known, ""))
        decode = functools.partial(
            decode_latents,
            base.vae,
            device=self._device,
            tiles_above=_cells(base, known.plan.vae_tiles_above),
        )
        decoder = Shared.of_function(decode, self._limits(known, "vae"))
        return LoadedModel(
            info=known.info,
            family=known.family,
            traits=known.traits,
            base=base,
            device=self._device,
            dtype=self._dtype,
            prompts=PromptCache(
                base,
                known.family,
                self._settings.cached_prompts,
                adapters=adapters,
                embeddings=embeddings,
            ),
            previewer=open_previewer(known.taesd, base.vae, known.family, self._device),
            shared=shared,
            decoder=decoder,
            seamless=made_seamless(shared, shared.call),
            seamless_decoder=made_seamless(decoder, base.vae),
            controls=Controls(
                base,
                known.extras.controls,
                device=self._device,
                dtype=self._dtype,
                limits=functools.partial(self._limits, known),
            ),
            depth=self._depth,
            adapters=adapters,
            room=Room(base, self._device, usual),
            speed=speed,
        )

    def _fetch(self, known: Candidate) -> tuple[Any, Placement]:
        """The model's pipeline, on the device as far as it has room, and how far that is."""
        try:
            return known.source.load(self._dtype, self._device), Placement.WHOLE
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or not can_offload(self._device):
                raise
        release(self._device)
        base = known.source.load(self._dtype, torch.device("cpu"))
        for usual in (Placement.BY_PART, Placement.BY_LAYER):
            if place(base, self._device, usual):
                _LOG.warning("model_in_parts model=%s placement=%s", known.info.name, usual.name)
                return base, usual
        raise torch.OutOfMemoryError("not even single layers have room")

    def _limits(self, known: Candidate, part: str) -> Limits:
        if self._settings.slots is not None:
            return NoLimits()
        device = describe(self._device, self._dtype)
        return Calibration(self._notes, f"{known.build} {part} {device} torch {torch.__version__}")


def _cells(base: Any, pixels: int | None) -> int | None:
    """A picture's side as a latent's."""
    return None if pixels is None else pixels // int(getattr(base, "vae_scale_factor", 8))
