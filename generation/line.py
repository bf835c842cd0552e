"""Jobs in line: one that waits, as choosing needs it, and what its owner is told of its place."""

from __future__ import annotations

from dataclasses import dataclass

from generation.types import Job, JobId, OwnerId, ScopeId


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A queued job, as little of it as deciding who is next needs. ``work`` is ``Params.work``.

    ``weight`` is how many members' shares its owner has. One that ``is_suspect`` was running when
    a worker died, and may only run where nothing else does.
    """

    id: JobId
    owner: OwnerId
    scope: ScopeId
    model: str
    work: float
    deadline: float
    weight: float = 1.0
    is_suspect: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a waiting job stands: jobs ahead of it, and seconds until it starts if known."""

    ahead: int
    eta_seconds: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """The queue as a whole: jobs in it, and seconds until a new one would start if known.

    The time is at most so long: a newcomer is let in before those who were given much.
    """

    waiting: int
    running: int
    eta_seconds: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """The answer to a submission. ``duplicate`` tells that the key had been accepted before."""

    job: Job
    place: Place
    duplicate: bool = False
