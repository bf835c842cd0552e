"""The worker's models: what each one can do, and those that are loaded."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch

from generation.backends.base import ModelInfo
from generation.errors import Unavailable
from generation.worker.candidates import Candidate, survey
from generation.worker.controls.files import describe as describe_controls
from generation.worker.fitting import Fit, fit, to_evict
from generation.worker.loaded import LoadedModel
from generation.worker.loading import Loader
from generation.worker.memory import free_bytes, is_out_of_memory, release, size_of
from generation.worker.noise import draw_in_float32
from generation.worker.placement import Placement
from generation.worker.settings import WorkerSettings
from generation.worker.speed.plan import Place

__all__ = ["LoadedModel", "ModelShelf"]

_NO_ROOM = "There is not enough memory for this model right now. Another model may work."
_NO_ROOM_ADVICE = (
    "there is not enough memory for it: end what else uses the device, choose a smaller model, "
    'or set precision = "float16"'
)


class ModelShelf:
    """The models the operator named. Several may be loaded; one at a time is drawn with.

    Asking for one that is not loaded makes room for it: those that were used longest ago go.
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
        draw_in_float32()
        self._settings = settings
        self._tell = tell
        self._place = Place.of(device, dtype)
        self._device = device
        self._loader = Loader(settings, device, dtype, tell=tell)
        self._known: dict[str, Candidate] = {}
        self._loaded: dict[str, LoadedModel] = {}
        """The least recently used first."""
        self._free = free_bytes(device)

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
        """How each usable model is made faster, fits the device, and can be held to pictures."""
        fast = [
            f"{name}: {known.plan.describe()}; {fit(known.needs, self._free).sentence}"
            for name, known in self._known.items()
        ]
        held = [
            f"{name}: {describe_controls(known.info.controls)}"
            for name, known in self._known.items()
            if known.family.takes_controls
        ]
        return (*fast, *held)

    @property
    def resident(self) -> str | None:
        """The model that was asked for last, if it is loaded."""
        return next(reversed(self._loaded), None)

    @property
    def loaded(self) -> tuple[str, ...]:
        """The loaded models, the least recently used first."""
        return tuple(self._loaded)

    def load(self, name: str) -> LoadedModel:
        """The model, loaded. Raises ``Unavailable`` when it is not there or fails to load."""
        if name in self._loaded:
            self._loaded[name] = self._loaded.pop(name)
            return self._loaded[name]
        if name not in self._known:
            raise Unavailable(detail=f"the worker has no model {name!r}")
        known = self._known[name]
        sizes = {each: size_of(model.base) for each, model in self._loaded.items()}
        free = free_bytes(self._device)
        for other in to_evict(sizes, known.needs, budget=self._settings.memory, free=free):
            self._evict(other)
        release(self._device)
        try:
            return self._read(known)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            cause = str(error).partition("\n")[0]
        # Outside the handler: its traceback would keep what was loaded alive.
        release(self._device)
        if self._loaded:
            self.close(wait=True)
            return self.load(name)
        raise Unavailable(_NO_ROOM, detail=f"{_NO_ROOM_ADVICE} ({cause})")

    def close(self, *, wait: bool) -> None:
        """Let go of the loaded models; with ``wait``, nothing of them is left afterwards."""
        for name in tuple(self._loaded):
            self._evict(name, wait=wait)

    def _read(self, known: Candidate) -> LoadedModel:
        name = known.info.name
        planned = self._planned(known)
        clear = functools.partial(self._clear_for, name)
        self._loaded[name] = self._loader.read(known, planned.placement, clear)
        if planned.placement is not Placement.WHOLE:
            self._tell(name, planned.sentence)
        return self._loaded[name]

    def _planned(self, known: Candidate) -> Fit:
        return fit(known.needs, free_bytes(self._device))

    def _clear_for(self, name: str) -> None:
        """Let every other model go: a job of this one needs the device to itself."""
        for other in [each for each in self._loaded if each != name]:
            self._evict(other)
        release(self._device)

    def _evict(self, name: str, *, wait: bool = True) -> None:
        self._loaded.pop(name).speed.close(wait=wait)
