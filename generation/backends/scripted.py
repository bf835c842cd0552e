"""A backend without a model: paints labelled test cards, step by step, and fails on demand.

Operators use it to try everything around the pictures on a machine without a graphics card;
tests use it because its every step is in their hands.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

from generation.backends.base import Capabilities, Event, Health, ModelInfo, ToolInfo, Work
from generation.backends.ledger import Ledger, Track
from generation.clock import Clock, SystemClock
from generation.errors import BackendError, BlankOutput, OutOfMemory, Unavailable, WorkerLost
from generation.images import fit, paint_card, paint_cutout, paint_preview
from generation.types import JobId, Output, Params, Progress, Result, Task

TEST_CARD = ModelInfo(
    name="testcard",
    title="Test card (no model)",
    width=512,
    height=512,
    steps=8,
    guidance_scale=7.0,
    sampler="Euler a",
    scheduler="Automatic",
    samplers=("Euler a", "Euler"),
    schedulers=("Automatic", "Karras"),
    tasks=frozenset(task for task in Task if not task.is_for_tools),
    max_references=4,
    looks=frozenset({Task.TXT2IMG, Task.IMG2IMG, Task.EDIT}),
    uses_reference_weight=True,
)

TEST_TOOLS = (
    ToolInfo(name="testscaler", title="Test upscaler (no model)", task=Task.UPSCALE, factor=2.0),
    ToolInfo(name="testcutter", title="Test cutter (no model)", task=Task.CUTOUT),
    ToolInfo(name="testteller", title="Test description (no model)", task=Task.DESCRIBE),
)

Mishap = Literal["crash", "hang", "out_of_memory", "blank", "error"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Twist:
    """What befalls a job after ``at_step`` steps. A hang lasts until the job is cancelled.

    A crash takes every running job along and changes the boot id, as a dying worker would.
    """

    mishap: Mishap
    at_step: int = 0


class ScriptedBackend:
    """Test cards at a pace: ``step_seconds`` of the clock for each step, or the caller's.

    With ``step_seconds=None`` nothing moves until ``advance`` is called.
    """

    def __init__(
        self,
        name: str = "scripted",
        *,
        models: Sequence[ModelInfo] = (TEST_CARD,),
        tools: Sequence[ToolInfo] = TEST_TOOLS,
        slots: int = 1,
        step_seconds: float | None = 0.25,
        clock: Clock | None = None,
    ) -> None:
        self._name = name
        self._models = tuple(models)
        self._tools = tuple(tools)
        self._slots = slots
        self._step_seconds = step_seconds
        self._clock = clock or SystemClock()
        self._gate = asyncio.Semaphore(slots)
        self._ledger = Ledger()
        self._tasks: dict[JobId, asyncio.Task[None]] = {}
        self._steps: dict[JobId, asyncio.Semaphore] = {}
        self._twists: deque[Twist] = deque()
        self._boot_id = secrets.token_hex(8)
        self._problem: str | None = None

    @property
    def name(self) -> str:
        """The operator's name for it."""
        return self._name

    def plan(self, *twists: Twist) -> None:
        """Have these befall the next jobs, one each, in order."""
        self._twists.extend(twists)

    def advance(self, steps: int = 1, job_id: JobId | None = None) -> None:
        """Let one job, or every running one, do that many more steps."""
        for known, allowance in self._steps.items():
            if job_id in {None, known}:
                for _ in range(steps):
                    allowance.release()

    def set_down(self, problem: str | None) -> None:
        """Be unreachable for this reason, or reachable again with None. Running jobs go on."""
        self._problem = problem

    async def capabilities(self) -> Capabilities:
        """What it was made with. Raises ``Unavailable`` while it is set down."""
        if self._problem is not None:
            raise Unavailable(detail=self._problem)
        return Capabilities(models=self._models, tools=self._tools)

    async def health(self) -> Health:
        """How it is, from memory."""
        return Health(
            ok=self._problem is None,
            slots=self._slots,
            running=tuple(track.job_id for track in self._ledger.running()),
            resident_model=self._models[0].name,
            boot_id=self._boot_id,
            problem=self._problem,
        )

    async def run(self, work: Work, after: int = 0) -> AsyncIterator[Event]:
        """Submit the job at the first step of the iteration, or attach to it if it is known."""
        track = self._ledger.find(work.job_id)
        if track is None:
            track = self._ledger.open(work.job_id)
            self._begin(work, track)
        async for event in track.events(after):
            yield event

    async def cancel(self, job_id: JobId) -> None:
        """Stop the job at once. Unknown ids are no error."""
        track, task = self._ledger.find(job_id), self._tasks.get(job_id)
        if track is None or task is None:
            return
        track.cancel_asked = True
        task.cancel()
        await track.ended.wait()

    async def aclose(self) -> None:
        """Stop every job; those that still run fail as unavailable."""
        self._problem = "the backend was closed"
        self._ledger.fail_all(lambda: Unavailable(detail="the backend was closed"))
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, work: Work, track: Track) -> None:
        if self._problem is not None:
            track.fail(Unavailable(detail=self._problem))
            return
        offered = {model.name for model in self._models} | {tool.name for tool in self._tools}
        if work.params.model not in offered:
            track.fail(Unavailable(detail=f"no model {work.params.model!r}"))
            return
        if work.params.task.is_for_tools and work.image is None:
            track.fail(Unavailable(detail=f"a {work.params.task} job came without its picture"))
            return
        self._steps[work.job_id] = asyncio.Semaphore(0)
        task = asyncio.create_task(self._play(work, track), name=f"scripted-{work.job_id}")
        self._tasks[work.job_id] = task
        task.add_done_callback(lambda done: self._end(work.job_id, track, done))

    def _end(self, job_id: JobId, track: Track, task: asyncio.Task[None]) -> None:
        if self._tasks.get(job_id) is task:
            del self._tasks[job_id], self._steps[job_id]
        if task.cancelled():
            track.stop()  # nothing happens to a job that has already ended

    async def _play(self, work: Work, track: Track) -> None:
        async with self._gate:
            twist = self._twists.popleft() if self._twists else None
            began = self._clock.monotonic()
            steps = work.params.steps
            for step in range(steps + 1):
                if twist is not None and twist.at_step == step:
                    await self._befall(twist, track)
                    return
                if step == steps:
                    break
                await self._pace(work.job_id)
                track.advance(await self._progress(work.params, step + 1))
            outputs = [await self._paint(work, seed) for seed in work.params.seeds()]
            seconds = self._clock.monotonic() - began
            track.finish(Result(outputs=tuple(outputs), seconds=seconds, backend=self._name))

    async def _progress(self, params: Params, step: int) -> Progress:
        preview = None
        if not params.task.is_for_tools:
            done = step / params.steps
            preview = await asyncio.to_thread(paint_preview, params, params.seed, done)
        eta = (params.steps - step) * (self._step_seconds or 0.0)
        return Progress(step=step, steps=params.steps, eta_seconds=eta, preview=preview)

    async def _pace(self, job_id: JobId) -> None:
        if self._step_seconds is None:
            await self._steps[job_id].acquire()
        else:
            await self._clock.sleep(self._step_seconds)

    async def _befall(self, twist: Twist, track: Track) -> None:
        match twist.mishap:
            case "hang":
                await asyncio.get_running_loop().create_future()
            case "crash":
                self._crash()
            case "out_of_memory":
                track.fail(OutOfMemory())
            case "blank":
                track.fail(BlankOutput())
            case "error":
                track.fail(BackendError(detail="scripted"))

    def _crash(self) -> None:
        self._boot_id = secrets.token_hex(8)
        self._ledger.fail_all(lambda: WorkerLost(detail="scripted crash"))
        for task in self._tasks.values():
            if task is not asyncio.current_task():
                task.cancel()

    async def _paint(self, work: Work, seed: int) -> Output:
        params = work.params
        width, height = params.final_size
        if params.task is Task.DESCRIBE:
            return Output.of_text(f"a picture of {width} by {height} pixels")
        data = await self._picture(work, seed)
        return Output(
            data=data,
            media_type="image/png",
            width=width,
            height=height,
            seed=seed,
        )

    async def _picture(self, work: Work, seed: int) -> bytes:
        params, image = work.params, work.image
        if image is None or not params.task.is_for_tools:
            return await asyncio.to_thread(paint_card, params, seed, image, work.references)
        fitted = await fit(image, *params.final_size)
        if params.task is Task.UPSCALE:
            return fitted
        return await asyncio.to_thread(paint_cutout, fitted)
