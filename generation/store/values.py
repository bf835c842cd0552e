"""What the store hands out and takes besides jobs themselves."""

from __future__ import annotations

from dataclasses import dataclass

from generation.line import Waiting
from generation.types import Fault, Job, JobState, StoredOutput

CANCELLED = Fault(code="cancelled", sentence="This was cancelled.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """The job that now stands for a request; ``duplicate`` if an earlier one already did."""

    job: Job
    duplicate: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a job ended: ``outputs``, ``seconds`` and ``notes`` if ``done``, else ``fault``."""

    outcome: JobState
    at: float
    outputs: tuple[StoredOutput, ...] = ()
    seconds: float | None = None
    notes: tuple[str, ...] = ()
    fault: Fault | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Interrupted:
    """A job whose row says running, the boot it was started on, and whether it is still wanted."""

    job: Job
    boot_id: str | None
    cancel_asked: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """A running job, as much of it as an estimate needs. ``work`` is ``Params.work``."""

    model: str
    work: float
    started_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A job that was done: how long a backend took for how much ``Params.work``."""

    backend: str
    model: str
    work: float
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The queue, and everything that choosing and estimating need, read at one moment.

    ``samples`` are of jobs done lately, the latest first.
    """

    waiting: tuple[Waiting, ...]
    running: tuple[Started, ...]
    samples: tuple[Sample, ...]
