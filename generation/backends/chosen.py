"""A backend of which only some models are offered, under names and defaults of the operator's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, fields, replace

from generation.backends.base import Backend, Capabilities, Event, Health, ModelInfo, Work
from generation.errors import Unavailable
from generation.types import JobId


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A model to offer as ``name``; ``model`` is the engine's own name or title for it.

    The rest are what members get who say nothing; None leaves them to the engine.
    """

    name: str
    model: str
    title: str | None = None
    width: int | None = None
    height: int | None = None
    max_side: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    strength: float | None = None
    sampler: str | None = None
    scheduler: str | None = None


class ChosenBackend:
    """Passes on everything but the names. Choices that the engine does not have are noted."""

    def __init__(self, backend: Backend, choices: Sequence[Choice]) -> None:
        self._backend = backend
        self._choices = tuple(choices)
        self._own_names: dict[str, str] = {}
        self._notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The operator's name for it."""
        return self._backend.name

    async def capabilities(self) -> Capabilities:
        """The chosen models in the order of the choices, and every tool. Raises ``Unavailable``."""
        offer = await self._backend.capabilities()
        offered = offer.models
        found = [(choice, _find(choice.model, offered)) for choice in self._choices]
        self._notes = tuple(note for choice, model in found for note in _notes(choice, model))
        self._own_names = {choice.name: model.name for choice, model in found if model}
        models = tuple(_dressed(choice, model) for choice, model in found if model)
        if not models:
            names = ", ".join(model.name for model in offered[:8]) or "none"
            raise Unavailable(
                detail=f"{self.name} has none of the models chosen for it. It offers: {names}."
            )
        return replace(offer, models=models)

    async def health(self) -> Health:
        """How it is, with what it cannot do of what was chosen among the notes."""
        health = await self._backend.health()
        members = {own: name for name, own in self._own_names.items()}
        resident = health.resident_model
        return replace(
            health,
            resident_model=None if resident is None else members.get(resident, resident),
            notes=(*health.notes, *self._notes),
        )

    async def run(self, work: Work, after: int = 0) -> AsyncIterator[Event]:
        """The job's events; the engine is told its own name for the model."""
        own = self._own_names.get(work.params.model, work.params.model)
        renamed = replace(work, params=replace(work.params, model=own))
        async for event in self._backend.run(renamed, after):
            yield event

    async def cancel(self, job_id: JobId) -> None:
        """Stop that job and no other."""
        await self._backend.cancel(job_id)

    async def aclose(self) -> None:
        """Close the backend itself."""
        await self._backend.aclose()


def _find(wanted: str, offered: Sequence[ModelInfo]) -> ModelInfo | None:
    """By the name that is spelled so, or else by one that is spelled so in any case."""
    for spelled in (wanted, wanted.casefold()):
        for model in offered:
            if spelled in _spellings(model, as_written=spelled is wanted):
                return model
    return None


def _spellings(model: ModelInfo, *, as_written: bool) -> set[str]:
    names = {model.name, model.title, *model.aliases}
    return names if as_written else {name.casefold() for name in names}


def _dressed(choice: Choice, model: ModelInfo) -> ModelInfo:
    wishes = {field: value for field, value in _wishes(choice) if value is not None}
    aliases = dict.fromkeys((*model.aliases, model.name, model.title))
    return replace(
        model,
        name=choice.name,
        title=choice.title or choice.name,
        aliases=tuple(alias for alias in aliases if alias != choice.name),
        **_possible(wishes, model),  # type: ignore[arg-type]  # fields of both
    )


def _notes(choice: Choice, model: ModelInfo | None) -> Iterator[str]:
    if model is None:
        yield f"it has no model “{choice.model}”, which is chosen for it"
        return
    if choice.sampler is not None and choice.sampler not in model.samplers:
        yield f"it has no sampler “{choice.sampler}” for {choice.name}"
    if choice.scheduler is not None and choice.scheduler not in model.schedulers:
        yield f"it has no schedule “{choice.scheduler}” for {choice.name}"


def _wishes(choice: Choice) -> Iterator[tuple[str, object]]:
    for field in fields(Choice):
        if field.name not in {"name", "model", "title"}:
            yield field.name, getattr(choice, field.name)


def _possible(wishes: dict[str, object], model: ModelInfo) -> dict[str, object]:
    """The operator's defaults as far as the model can follow them."""
    kept = dict(wishes)
    for key, known in (("sampler", model.samplers), ("scheduler", model.schedulers)):
        if key in kept and kept[key] not in known:
            del kept[key]
    for key in ("width", "height"):
        side = kept.get(key)
        if isinstance(side, int):
            kept[key] = model.nearest_side(side)
    steps = kept.get("steps")
    if isinstance(steps, int):
        kept["steps"] = min(max(steps, model.min_steps), model.max_steps)
    return kept
