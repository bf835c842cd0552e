"""What every backend promises: capabilities, health, and jobs as streams of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

from generation.errors import BackendError
from generation.types import JobId, Params, Progress, Result, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInfo:
    """A model as members choose it, with its own defaults and what it can do.

    Sizes are pixels: each side is a multiple of ``multiple_of`` within ``min_side`` … ``max_side``.
    ``uses_negative_prompt`` and ``uses_guidance`` are False where the model ignores the option.
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
    loras: tuple[str, ...] = ()
    strength: float = 0.6
    multiple_of: int = 8
    min_side: int = 64
    max_side: int = 2048
    max_steps: int = 150
    max_count: int = 4
    uses_negative_prompt: bool = True
    uses_guidance: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a backend offers now. The first model is its default."""

    models: tuple[ModelInfo, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How a backend is: ``boot_id`` changes when everything it was running has been lost.

    ``one_model`` says that all its slots are for the same model at a time.
    """

    ok: bool
    slots: int
    running: tuple[JobId, ...] = ()
    resident_model: str | None = None
    boot_id: str = ""
    problem: str | None = None
    one_model: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A job as a backend sees it: no owner, no place. Pictures are re-encoded, trusted PNG bytes.

    ``image`` is set for img2img and inpaint, ``mask`` (white is redrawn) for inpaint; both have
    the size that ``params`` asks for.
    """

    job_id: JobId
    params: Params
    image: bytes | None = field(default=None, repr=False)
    mask: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed:
    """The job has advanced. ``sequence`` counts the job's events from 1."""

    sequence: int
    progress: Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """The job has pictures. Last event."""

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
