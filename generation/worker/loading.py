"""Reads a model from its files, and puts together what jobs need of it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import torch

from generation.worker.calibration import Calibration, Limits, NoLimits, Notes
from generation.worker.calls import Shared
from generation.worker.candidates import Candidate
from generation.worker.controls.depth import DepthEstimator
from generation.worker.controls.loaded import Controls
from generation.worker.devices import describe
from generation.worker.embeddings import teach
from generation.worker.loaded import LoadedModel
from generation.worker.memory import is_out_of_memory, release
from generation.worker.pixels import decode_latents
from generation.worker.placement import Placement, can_offload, computing_on, place
from generation.worker.previews import open_previewer
from generation.worker.prompts import PromptCache
from generation.worker.room import Room
from generation.worker.seamless import made_seamless
from generation.worker.settings import WorkerSettings
from generation.worker.speed.accelerator import Accelerator
from generation.worker.speed.plan import Place

_LOG = logging.getLogger(__name__)


class Loader:
    """Reads models for one device, in one precision. ``tell`` is as for ``ModelShelf``."""

    def __init__(
        self,
        settings: WorkerSettings,
        device: torch.device,
        dtype: torch.dtype,
        *,
        tell: Callable[[str, str], None],
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._place = Place.of(device, dtype)
        self._device = device
        self._dtype = dtype
        self._notes = Notes(settings.calibration)
        folder = settings.controls.depth_estimator
        self._depth = None if folder is None else DepthEstimator(folder, device)

    def read(self, known: Candidate, wanted: Placement, clear: Callable[[], None]) -> LoadedModel:
        """The model, as far on the device as ``wanted``, or as there is room.

        ``clear`` makes room of what other models take. Raises ``Unavailable``, and whatever a
        device raises that has no room.
        """
        base, usual = self._fetch(known, wanted)
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
        adapters = known.extras.adapters_for(base, known.family.denoiser, self._device)
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
            room=Room(base, self._device, usual, clear=clear),
            speed=speed,
        )

    def _fetch(self, known: Candidate, wanted: Placement) -> tuple[Any, Placement]:
        """The model's pipeline, and how it lies: as ``wanted``, or further from the device."""
        if wanted is Placement.WHOLE:
            try:
                return known.source.load(self._dtype, self._device), Placement.WHOLE
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or not can_offload(self._device):
                    raise
            release(self._device)
        base = known.source.load(self._dtype, torch.device("cpu"))
        for usual in (Placement.BY_PART, Placement.BY_LAYER):
            if usual >= wanted and place(base, self._device, usual):
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
