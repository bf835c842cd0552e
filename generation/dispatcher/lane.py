"""One backend as the dispatcher sees it: what it offers, how it is, which jobs it has."""

from __future__ import annotations

import logging

from generation.backends.base import Backend, Health, ModelInfo
from generation.clock import Clock
from generation.dispatcher.breaker import Breaker
from generation.dispatcher.demands import Demand, Demands
from generation.errors import Unavailable
from generation.line import Waiting
from generation.merging import can_do
from generation.types import JobId

_log = logging.getLogger(__name__)

_UNKNOWN = Health(ok=False, slots=0, problem="not asked yet")


class Lane:
    """A backend with its last known health, and its slots as they are taken."""

    def __init__(
        self, backend: Backend, clock: Clock, demands: Demands, *, weight: float = 1.0
    ) -> None:
        self.backend = backend
        self.weight = weight
        self.breaker = Breaker(backend.name, clock)
        self._clock = clock
        self._demands = demands
        self.health = _UNKNOWN
        self._models: dict[str, ModelInfo] | None = None
        self._able: dict[Demand, bool] = {}
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
        if self.is_alone:
            return 0
        return self.slots - len(self._jobs.keys() | self._stuck)

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
        return min(left) if left and self.slots else None

    @property
    def slots(self) -> int:
        """How many jobs it runs at once now; none while it is down, or left alone."""
        if not self.health.ok:
            return 0
        most = self.breaker.most
        return self.health.slots if most is None else min(most, self.health.slots)

    def still_runs(self, boot_id: str | None) -> bool:
        """Whether what it ran under that boot id is still there to attach to."""
        return self.health.ok and bool(boot_id) and self.health.boot_id == boot_id

    def lost(self, problem: str) -> None:
        """Take it as down until it says otherwise."""
        self.health = Health(ok=False, slots=0, problem=problem)

    def offers(self, item: Waiting) -> bool | None:
        """Whether it can do all that the job asks for; None while it has never told."""
        if self._models is None:
            return None
        if item.model in self._tools:
            return True
        model, demand = self._models.get(item.model), self._demands.of(item.id)
        if model is None or demand is None:
            return model is not None
        known = self._able.get(demand)
        if known is None:
            known = self._able[demand] = can_do(demand.params, model)
        return known

    def knows(self, model: str) -> bool:
        """Whether it has a model or tool of that name, or has never told."""
        return self._models is None or model in self._models or model in self._tools

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
                self._models = {model.name: model for model in offer.models}
                self._able.clear()
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
