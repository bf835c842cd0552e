"""A stage for the queue: a store on disk, a backend and an audience that a test directs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from generation.backends.base import (
    Backend,
    Cancelled,
    Capabilities,
    Done,
    Event,
    Failed,
    Health,
    ModelInfo,
    Progressed,
    Work,
)
from generation.blobs import Blobs
from generation.dispatcher import Dispatcher, Rules
from generation.errors import BackendError, Unavailable
from generation.limits import Limits
from generation.queue import Queue
from generation.store import Store
from generation.types import (
    Job,
    JobId,
    JobState,
    Output,
    OwnerId,
    Params,
    Progress,
    Request,
    Result,
    ScopeId,
    Task,
    new_job_id,
)
from tests.manual_clock import ManualClock

NOW = 1_800_000_000.0
SCOPE = ScopeId("guild:1")


def params(**changes: Any) -> Params:
    usual = Params(
        task=Task.TXT2IMG,
        model="small",
        prompt="a lighthouse at dusk",
        negative_prompt="blurry",
        width=512,
        height=512,
        steps=20,
        guidance_scale=7.0,
        sampler="euler",
        scheduler="karras",
        seed=7,
        count=1,
    )
    return replace(usual, **changes)


def request(owner: str = "ada", *, at: float = NOW, **changes: Any) -> Request:
    """A request whose key and id are new; what is no field of it is one of its parameters."""
    job_id = new_job_id()
    fields = {name: changes.pop(name) for name in list(changes) if name in Request.__slots__}
    usual = Request(
        id=job_id,
        dedupe_key=f"interaction:{job_id}",
        owner=OwnerId(owner),
        scope=SCOPE,
        params=params(**changes),
        delivery="channel:5",
        accepted_at=at,
        deadline=at + 3600,
    )
    return replace(usual, **fields)


def result(*pictures: bytes, seconds: float = 4.0) -> Result:
    outputs = tuple(
        Output(data=data, media_type="image/png", width=512, height=512, seed=7 + index)
        for index, data in enumerate(pictures or (b"picture",))
    )
    return Result(outputs=outputs, seconds=seconds, backend="staged", notes=("a note",))


class StagedBackend:
    """Runs jobs whose events a test emits. Keeps them like a worker that outlives the bot."""

    def __init__(
        self, name: str = "staged", *, slots: int = 1, models: tuple[str, ...] = ("small",)
    ) -> None:
        self._name = name
        self.slots = slots
        self.models = models
        self.boot_id = "boot-1"
        self.problem: str | None = None
        self.deaf = False
        self.begun: asyncio.Queue[Work] = asyncio.Queue()
        self.submissions: list[JobId] = []
        self.cancelled: list[JobId] = []
        self._events: dict[JobId, list[Event]] = {}
        self._changed = asyncio.Condition()

    @property
    def name(self) -> str:
        return self._name

    async def capabilities(self) -> Capabilities:
        if self.problem is not None:
            raise Unavailable
        return Capabilities(models=tuple(model_info(name) for name in self.models))

    async def health(self) -> Health:
        return Health(
            ok=self.problem is None,
            slots=self.slots,
            running=tuple(job for job, events in self._events.items() if not _over(events)),
            boot_id=self.boot_id,
            problem=self.problem,
        )

    async def run(self, work: Work, after: int = 0) -> AsyncIterator[Event]:
        if work.job_id not in self._events:
            self._events[work.job_id] = []
            self.submissions.append(work.job_id)
        self.begun.put_nowait(work)
        events, seen = self._events[work.job_id], after
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: len(events) > seen)  # noqa: B023
            yield events[seen]
            seen += 1
            if _over(events[:seen]):
                return

    async def cancel(self, job_id: JobId) -> None:
        self.cancelled.append(job_id)
        events = self._events.get(job_id)
        if events is not None and not self.deaf and not _over(events):
            await self.emit(job_id, Cancelled(sequence=len(events) + 1))

    async def aclose(self) -> None:
        self._events.clear()

    async def emit(self, job_id: JobId, event: Event) -> None:
        self._events[job_id].append(event)
        async with self._changed:
            self._changed.notify_all()

    async def progress(self, job_id: JobId, step: int) -> None:
        sequence = len(self._events[job_id]) + 1
        progress = Progress(step=step, steps=20)
        await self.emit(job_id, Progressed(sequence=sequence, progress=progress))

    async def finish(self, job_id: JobId, made: Result | None = None) -> None:
        sequence = len(self._events[job_id]) + 1
        await self.emit(job_id, Done(sequence=sequence, result=made or result()))

    async def fail(self, job_id: JobId, error: BackendError) -> None:
        await self.emit(job_id, Failed(sequence=len(self._events[job_id]) + 1, error=error))
        del self._events[job_id]  # it would be run afresh

    def restart(self) -> None:
        """Lose everything that runs, as a worker process does when it is killed."""
        self._events.clear()
        self.boot_id += "+"


def _over(events: list[Event]) -> bool:
    return bool(events) and not isinstance(events[-1], Progressed)


def model_info(name: str) -> ModelInfo:
    return ModelInfo(
        name=name,
        title=name.title(),
        width=512,
        height=512,
        steps=20,
        guidance_scale=7.0,
        sampler="euler",
        scheduler="karras",
        samplers=("euler",),
        schedulers=("karras",),
        tasks=frozenset(Task),
    )


class StagedAudience:
    """Remembers what it was told. ``troubles`` are raised by the coming deliveries, in turn."""

    def __init__(self) -> None:
        self.starts: list[Job] = []
        self.steps: asyncio.Queue[int] = asyncio.Queue()
        self.shown: asyncio.Queue[Job] = asyncio.Queue()
        self.calls: list[JobId] = []
        self.troubles: list[Exception] = []
        self.called = asyncio.Condition()
        self.door: asyncio.Event | None = None

    def started(self, job: Job) -> None:
        self.starts.append(job)

    def progressed(self, job: Job, progress: Progress) -> None:
        assert job.state is JobState.RUNNING
        self.steps.put_nowait(progress.step)

    async def deliver(self, job: Job) -> str:
        self.calls.append(job.id)
        async with self.called:
            self.called.notify_all()
        if self.door is not None:
            await self.door.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        self.shown.put_nowait(job)
        return f"{job.request.delivery}/message:9"

    async def tried(self, times: int) -> None:
        """Return once that many deliveries have been tried."""
        async with self.called:
            await self.called.wait_for(lambda: len(self.calls) >= times)


class Stage:
    """Store, queue and dispatcher on one directory; ``crash`` and ``start`` them at will."""

    def __init__(
        self,
        directory: Path,
        *,
        backends: tuple[Backend, ...] | None = None,
        rules: Rules | None = None,
        defaults: Limits | None = None,
        bound: int = 1000,
    ) -> None:
        self._directory = directory
        self._rules = rules or Rules()
        self._defaults = defaults or Limits()
        self._bound = bound
        self.clock = ManualClock(NOW)
        self.backend = StagedBackend()
        self.backends: tuple[Backend, ...] = backends or (self.backend,)
        self.audience = StagedAudience()
        self._run: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the store and build queue and dispatcher, without running it."""
        self.store = await Store.open(f"sqlite:///{self._directory / 'easel.db'}")
        self.queue = Queue(
            store=self.store,
            blobs=Blobs(self._directory),
            clock=self.clock,
            defaults=self._defaults,
            bound=self._bound,
        )
        self.dispatcher = Dispatcher(
            queue=self.queue,
            backends=self.backends,
            audience=self.audience,
            clock=self.clock,
            rules=self._rules,
        )

    async def start(self) -> None:
        """Open everything afresh and run the dispatcher."""
        await self.open()
        self.run()

    def run(self) -> None:
        self._run = asyncio.create_task(self.dispatcher.run(), name="dispatcher")

    async def crash(self) -> None:
        """Drop everything but the directory, the backend and the audience."""
        if self._run is not None:
            self._run.cancel()
            with suppress(asyncio.CancelledError):
                await self._run
            self._run = None
        await self.store.aclose()

    @property
    def finished(self) -> bool:
        """Whether the dispatcher has left by itself."""
        return self._run is not None and self._run.done()

    async def submit(self, owner: str = "ada", **changes: Any) -> JobId:
        made = request(owner, at=self.clock.now(), **changes)
        return (await self.queue.submit(made)).job.id

    async def state(self, job_id: JobId) -> JobState:
        return (await self.queue.job(job_id)).state

    async def settled(self, job_id: JobId, condition: Callable[[Job], bool]) -> Job:
        """The job, once the condition holds of its row. Other tasks run between looks."""
        while not condition(job := await self.queue.job(job_id)):
            pass
        return job

    async def noticed(self, job_id: JobId) -> None:
        """Return once the dispatcher has seen the job waiting."""
        while job_id not in self.dispatcher._patience:
            await self.queue.job(job_id)

    async def final(self, job_id: JobId) -> Job:
        """The job, once its state is final."""
        return await self.settled(job_id, lambda job: job.state.is_final)
