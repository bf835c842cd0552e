"""What every backend promises: capabilities, health, and jobs as streams of events."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from generation.errors import BackendError
from generation.types import JobId, OptionValue, Params, Progress, Result, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraInfo:
    """A LoRA as members choose it, by ``name``.

    ``triggers`` are words that wake it when they stand in the prompt; ``base`` is the kind of
    model it was made for, in words, "" where that is not known.
    """

    name: str
    title: str = ""
    triggers: tuple[str, ...] = ()
    base: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlInfo:
    """A kind of ``Control`` that a model takes. ``prepares``: it finds the lines by itself."""

    name: str
    title: str = ""
    prepares: bool = False


class OptionKind(StrEnum):
    """What an engine's own option is set to."""

    SWITCH = "switch"
    WHOLE = "whole"
    NUMBER = "number"
    TEXT = "text"
    CHOICE = "choice"


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionInfo:
    """An option that only this engine knows, by ``name`` in the style of ``restore_faces``.

    Numbers are ``lowest`` … ``highest``, where these are known; a choice is one of ``choices``.
    ``default`` is what the engine takes when nothing is said, None where it does not tell.
    It has an effect on ``tasks`` alone.
    """

    name: str
    title: str
    kind: OptionKind
    default: OptionValue | None = None
    lowest: float | None = None
    highest: float | None = None
    choices: tuple[str, ...] = ()
    tasks: frozenset[Task] = frozenset(Task)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInfo:
    """A model as members choose it, with its own defaults and what it can do.

    Sizes are pixels: each side is a multiple of ``multiple_of`` within ``min_side`` … ``max_side``;
    with ``sizes`` there are no others than these. Guidance is ``min_guidance`` … ``max_guidance``,
    steps ``min_steps`` … ``max_steps``.
    ``uses_negative_prompt`` and ``uses_guidance`` are False where the model ignores the option.
    ``loras`` can be put on it; ``misfits`` are there too, but made for other models. A word of
    ``embeddings`` in a prompt stands for a learned one. ``uses_emphasis`` says that brackets in a
    prompt weigh words. ``eta_samplers`` are those that take ``eta``; ``clip_skip`` may be up to
    ``max_clip_skip``, where 1 skips nothing. ``uses_subseed`` says that noise can be turned towards
    another seed's. ``max_references`` is how many pictures it can look at besides the one it starts
    from, in the tasks that it ``looks`` in; ``uses_reference_weight`` says that they can count more
    or less. ``uses_tiling``: it can make edges meet. ``options`` are its engine's own. ``aliases``
    are other names that it goes by, in files made with it. ``triggers`` are words that wake
    what it was trained on; ``licence`` is its name, "" where it is not known.
    """

    name: str
    title: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    sampler: str
    scheduler: str
    samplers: tuple[str, ...]
    schedulers: tuple[str, ...]
    tasks: frozenset[Task]
    loras: tuple[LoraInfo, ...] = ()
    misfits: tuple[LoraInfo, ...] = ()
    embeddings: tuple[str, ...] = ()
    strength: float = 0.6
    multiple_of: int = 8
    min_side: int = 64
    max_side: int = 2048
    sizes: tuple[tuple[int, int], ...] = ()
    min_steps: int = 1
    max_steps: int = 150
    min_guidance: float = 0.0
    max_guidance: float = 30.0
    max_count: int = 4
    uses_negative_prompt: bool = True
    uses_guidance: bool = True
    uses_emphasis: bool = False
    eta_samplers: tuple[str, ...] = ()
    clip_skip: int = 1
    max_clip_skip: int = 1
    uses_subseed: bool = False
    max_references: int = 0
    looks: frozenset[Task] = frozenset({Task.EDIT})
    uses_reference_weight: bool = False
    controls: tuple[ControlInfo, ...] = ()
    uses_tiling: bool = False
    options: tuple[OptionInfo, ...] = ()
    aliases: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    licence: str = ""

    def nearest_size(self, width: float, height: float) -> tuple[int, int]:
        """The allowed size nearest to that one: of ``sizes`` that of the nearest shape."""
        if not self.sizes:
            return self.nearest_side(width), self.nearest_side(height)

        def distance(size: tuple[int, int]) -> tuple[float, float]:
            shape = abs(math.log((size[0] / size[1]) / (width / height)))
            return round(shape, 3), abs(size[0] * size[1] - width * height)

        return min(self.sizes, key=distance)

    def nearest_side(self, side: float, *, longest: float = math.inf) -> int:
        """The allowed side nearest to that many pixels, not above ``longest`` if any is."""
        step = self.multiple_of
        lowest = math.ceil(self.min_side / step) * step
        highest = int(min(self.max_side, longest)) // step * step
        return max(min(round(side / step) * step, highest), lowest)


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolInfo:
    """Something for one of the tasks that are no drawing. No model has the same name.

    ``factor`` is how many times larger an upscaler makes a picture in one go, None where that is
    not known or free. Whatever size is asked for is what it gives.
    """

    name: str
    title: str
    task: Task
    factor: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a backend offers now. The first model is its default, and the first tool of each task.

    A tool is used beside the loaded model, which stays.
    """

    models: tuple[ModelInfo, ...]
    tools: tuple[ToolInfo, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How a backend is: ``boot_id`` changes when everything it was running has been lost.

    ``one_model`` says that all its slots are for the same model at a time. ``device`` is what it
    computes on, in its maker's words, where that is known. ``notes`` are for its operator.
    """

    ok: bool
    slots: int
    running: tuple[JobId, ...] = ()
    resident_model: str | None = None
    boot_id: str = ""
    problem: str | None = None
    one_model: bool = False
    device: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A job as a backend sees it: no owner, no place. Pictures are re-encoded, trusted PNG bytes.

    ``image`` is set for img2img, in the size that is drawn. For inpaint both are set, ``image`` and
    ``mask`` (white is redrawn), in the finished picture's size. For a tool ``image`` has its own
    size, and may be transparent in parts. ``references`` have sizes of their own; ``controls`` are
    in the order of the parameters' ``controls``.
    """

    job_id: JobId
    params: Params
    image: bytes | None = field(default=None, repr=False)
    mask: bytes | None = field(default=None, repr=False)
    references: tuple[bytes, ...] = field(default=(), repr=False)
    controls: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, job_id: JobId, params: Params, inputs: Sequence[bytes]) -> Work:
        """The job with its pictures in the order of ``Request.inputs``."""
        own = {Task.IMG2IMG: 1, Task.INPAINT: 2}.get(params.task, int(params.task.is_for_tools))
        looked_at = own + params.references
        return cls(
            job_id=job_id,
            params=params,
            image=inputs[0] if own and inputs else None,
            mask=inputs[1] if own == 2 and len(inputs) > 1 else None,
            references=tuple(inputs[own:looked_at]),
            controls=tuple(inputs[looked_at : looked_at + len(params.controls)]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed:
    """The job has advanced. ``sequence`` counts the job's events from 1."""

    sequence: int
    progress: Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """The job has pictures, or a text. Last event."""

    sequence: int
    result: Result


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancelled:
    """The job was stopped by ``cancel``. Last event."""

    sequence: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """The job ended without pictures. Last event."""

    sequence: int
    error: BackendError


Event = Progressed | Done | Cancelled | Failed


class Backend(Protocol):
    """A maker of pictures. Raises only errors of ``generation.errors``; never retries by itself."""

    @property
    def name(self) -> str:
        """The operator's name for it."""
        ...

    async def capabilities(self) -> Capabilities:
        """What it offers, from memory where that is fresh. Raises ``Unavailable``."""
        ...

    async def health(self) -> Health:
        """How it is. Never raises: a backend that is down says so."""
        ...

    def run(self, work: Work, after: int = 0) -> AsyncIterator[Event]:
        """Submit the job, or attach to it if it is known, and yield its events past ``after``.

        Dropping the iterator does not cancel the job. The last event is ``Done``, ``Cancelled``
        or ``Failed``.
        """
        ...

    async def cancel(self, job_id: JobId) -> None:
        """Stop that job and no other; returns when it has stopped. Unknown ids are no error."""
        ...

    async def aclose(self) -> None:
        """Stop everything and give the hardware back. Safe to call twice."""
        ...
