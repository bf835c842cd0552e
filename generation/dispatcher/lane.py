"""One backend as the dispatcher sees it: what it offers, how it is, which jobs it has."""

from __future__ import annotations

import logging

from generation.backends.base import Backend, Health
from generation.errors import Unavailable
from generation.types import JobId

_log = logging.getLogger(__name__)

_UNKNOWN = Health(ok=False, slots=0, problem="not asked yet")


class Lane:
    """A backend with its last known health, and its slots as they are taken."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.health = _UNKNOWN
        self._models: frozenset[str] | None = None
        self._jobs: set[JobId] = set()
        # Jobs given up on that the backend may still be busy with.
        self._stuck: set[JobId] = set()

    @property
    def name(self) -> str:
        """The backend's name."""
        return self.backend.name

    @property
    def free(self) -> int:
        """How many more jobs it can take now."""
        if not self.health.ok:
            return 0
        return self.health.slots - len(self._jobs | self._stuck)

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
        """Whether it has the model; None while it has never told."""
        return None if self._models is None else model in self._models

    def take(self, job_id: JobId) -> None:
        """The job takes a slot."""
        self._jobs.add(job_id)

    def release(self, job_id: JobId, *, stuck: bool = False) -> None:
        """The job gives its slot back; a stuck one only when the backend is proven rid of it."""
        self._jobs.discard(job_id)
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
                self._stuck &= set(health.running)
        self.health = health
        if health.ok and not before.ok:
            _log.info("backend.up backend=%s slots=%d", self.name, health.slots)
        elif not health.ok and before.ok:
            _log.warning("backend.down backend=%s problem=%s", self.name, health.problem)
        elif not health.ok and before is _UNKNOWN:
            # At the bot's start a worker is still loading: nothing is wrong yet.
            _log.info("backend.waiting backend=%s reason=%s", self.name, health.problem)
