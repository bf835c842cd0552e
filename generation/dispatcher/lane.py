"""One backend as the dispatcher sees it: what it offers, how it is, which jobs it has."""

from __future__ import annotations

import logging

from generation.backends.base import Backend, Health
from generation.clock import Clock
from generation.errors import Unavailable
from generation.types import JobId

_log = logging.getLogger(__name__)

_UNKNOWN = Health(ok=False, slots=0, problem="not asked yet")


class Lane:
    """A backend with its last known health, and its slots as they are taken."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self.backend = backend
        self._clock = clock
        self.health = _UNKNOWN
        self._models: frozenset[str] | None = None
        self._tools: frozenset[str] = frozenset()
        # When each is expected to end, on the monotonic clock.
        self._jobs: dict[JobId, float | None] = {}
        # Jobs given up on that the backend may still be busy with.
        self._stuck: set[JobId] = set()
        self._alone: JobId | None = None

    @property
    def name(self) -> str:
        """The backend's name."""
        return self.backend.name

    @property
    def free(self) -> int:
        """How many more jobs it can take now."""
        if not self.health.ok or self.is_alone:
            return 0
        return self.health.slots - len(self._jobs.keys() | self._stuck)

    @property
    def is_alone(self) -> bool:
        """Whether it runs a job that nothing may run beside."""
        return self._alone is not None

    @property
    def busy(self) -> bool:
        """Whether any job of ours may be running there."""
        return bool(self._jobs or self._stuck)

    @property
    def resident(self) -> str | None:
        """The model it has loaded, as it said last; None where that does not matter."""
        return self.health.resident_model

    @property
    def one_model(self) -> bool:
        """Whether the jobs it runs at the same time must have the same model."""
        return self.health.one_model

    def seconds_until_free(self) -> float | None:
        """When the next of its jobs is expected to end; None if that is not known.

        One that is overdue is taken to need as long again as it is late.
        """
        now = self._clock.monotonic()
        left = [abs(end - now) for end in self._jobs.values() if end is not None]
        return min(left) if left and self.health.ok else None

    @property
    def slots(self) -> int:
        """How many jobs it runs at once now."""
        return self.health.slots if self.health.ok else 0

    def still_runs(self, boot_id: str | None) -> bool:
        """Whether what it ran under that boot id is still there to attach to."""
        return self.health.ok and bool(boot_id) and self.health.boot_id == boot_id

    def lost(self, problem: str) -> None:
        """Take it as down until it says otherwise."""
        self.health = Health(ok=False, slots=0, problem=problem)

    def offers(self, model: str) -> bool | None:
        """Whether it has the model or tool; None while it has never told."""
        return None if self._models is None else model in self._models | self._tools

    def has_tool(self, name: str) -> bool:
        """Whether that is one of its tools, for which the loaded model stays."""
        return name in self._tools

    def take(self, job_id: JobId, *, seconds: float | None = None, alone: bool = False) -> None:
        """The job takes a slot, for about so many seconds; or all of them, to be ``alone``."""
        self._jobs[job_id] = None if seconds is None else self._clock.monotonic() + seconds
        if alone:
            self._alone = job_id

    def release(self, job_id: JobId, *, stuck: bool = False) -> None:
        """The job gives its slot back; a stuck one only when the backend is proven rid of it."""
        self._jobs.pop(job_id, None)
        if self._alone == job_id:
            self._alone = None
        if stuck:
            self._stuck.add(job_id)

    async def refresh(self) -> None:
        """Ask the backend how it is and what it offers. Logs once when it goes or comes back."""
        before, health = self.health, await self.backend.health()
        if health.ok:
            try:
                offer = await self.backend.capabilities()
            except Unavailable as error:
                health = Health(ok=False, slots=0, problem=error.detail or error.sentence)
            else:
                self._models = frozenset(model.name for model in offer.models)
                self._tools = frozenset(tool.name for tool in offer.tools)
                self._stuck &= set(health.running)
        self.health = health
        if health.ok and not before.ok:
            _log.info("backend.up backend=%s slots=%d", self.name, health.slots)
        elif not health.ok and before.ok:
            _log.warning("backend.down backend=%s problem=%s", self.name, health.problem)
        elif not health.ok and before is _UNKNOWN:
            # At the bot's start a worker is still loading: nothing is wrong yet.
            _log.info("backend.waiting backend=%s reason=%s", self.name, health.problem)
