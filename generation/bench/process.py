"""What is measured around a real worker process, from the outside."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import StatisticsError, median, quantiles

from generation.backends.base import Failed, ModelInfo, Work
from generation.backends.local import LocalBackend
from generation.backends.process import WORKER_COMMAND
from generation.bench import timeline
from generation.bench.findings import COMPILING, IDLE, LOADING, RUNNING, Findings, lateness_of
from generation.bench.jobs import new_work, small_side
from generation.bench.lateness import ticking
from generation.bench.plan import Plan
from generation.bench.timeline import Call
from generation.errors import GenerationError, Unavailable

WATCHED: tuple[str, ...] = (sys.executable, "-m", "generation.worker.bench.watched")
COMPILING_SECONDS = 120.0
LEFT_OUT = "left out, as it was asked for"
_SETTLED_SECONDS = 10.0
_WINDOWS = 3
"""What we do to the loop is there in each of them; what else the machine does need not be."""
_TWENTIETHS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Amounts:
    """How much is enough: seconds of idling and of drawing, and numbers of jobs."""

    idle_seconds: float
    drawing_seconds: float
    starts: int
    queued: int


THOROUGH = Amounts(idle_seconds=3.0, drawing_seconds=12.0, starts=60, queued=30)
QUICK = Amounts(idle_seconds=1.5, drawing_seconds=3.0, starts=20, queued=10)


async def measure_process(plan: Plan, findings: Findings, say: Callable[[str], None]) -> None:
    """Lateness of this event loop, delays of starts, gaps.

    Raises ``Unavailable`` when no worker can be started; other trouble is in the findings.
    """
    amounts = QUICK if plan.is_quick else THOROUGH
    say("the event loop with no worker")
    idle = await _best([partial(asyncio.sleep, amounts.idle_seconds / _WINDOWS)] * _WINDOWS)
    findings.add({lateness_of(IDLE): idle})
    async with _folder() as folder:
        diary = folder / "calls"
        await asyncio.to_thread(diary.touch)
        # One at a time: the gap that is looked for lies between two jobs.
        backend = _backend(replace(plan, slots=1), command=(*WATCHED, str(diary)))
        try:
            say("the event loop while a worker loads")
            findings.add({lateness_of(LOADING): await _best([backend.start])})
            await _measure(_Place(backend=backend, diary=diary, amounts=amounts), findings, say)
        finally:
            await backend.aclose()
    if plan.is_quick:
        findings.skip(LEFT_OUT, lateness_of(COMPILING))
    else:
        say("the event loop while a worker compiles")
        await _or_skip(findings, lateness_of(COMPILING), _compiling(plan))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """A worker that is ready, and where it writes down its model's calls."""

    backend: LocalBackend
    diary: Path
    amounts: Amounts

    async def calls(self, since: float) -> list[Call]:
        """The calls since a moment of the monotonic clock."""
        text = await asyncio.to_thread(self.diary.read_text, encoding="utf-8")
        return [call for call in timeline.read(text) if call.began >= since]


async def _measure(place: _Place, findings: Findings, say: Callable[[str], None]) -> None:
    info = (await place.backend.capabilities()).models[0]
    say("the event loop while a worker draws")
    await _or_skip(findings, lateness_of(RUNNING), _running(place, info))
    say("how soon a job starts")
    await _or_skip(findings, "submit_to_start_p95_ms", _starts(place, info))
    say("the gap between two waiting jobs")
    await _or_skip(findings, "gap_between_jobs_ms", _gaps(place, info))


async def _or_skip(findings: Findings, key: str, measure: Awaitable[float]) -> None:
    """Take the measure in, or the reason why there is none."""
    try:
        findings.add({key: await measure})
    except GenerationError as error:
        findings.skip(f"a job failed: {error.detail or error.sentence}", key)
    except StatisticsError:
        findings.skip("too few calls of the model were seen", key)


async def _best(actions: Iterable[Callable[[], Awaitable[object]]]) -> float:
    """The loop's worst delay, in milliseconds, in the best of what is done here one by one."""
    worst = []
    for action in actions:
        with ticking() as ticks:
            await action()
        worst.append(ticks.worst_ms())
    return min(worst)


async def _running(place: _Place, info: ModelInfo) -> float:
    async def draw() -> None:
        ends = time.monotonic() + place.amounts.drawing_seconds / _WINDOWS
        while time.monotonic() < ends:
            await _draw(place.backend, new_work(info))

    await _draw(place.backend, new_work(info))  # a process's first job is not like the others
    return await _best([draw] * _WINDOWS)


async def _starts(place: _Place, info: ModelInfo) -> float:
    """Each job comes after the one before has ended."""
    side, began = small_side(info), time.monotonic()
    submitted = []
    for _ in range(place.amounts.starts):
        work = new_work(info, width=side, height=side, steps=2)
        submitted.append(time.monotonic())
        await _draw(place.backend, work)
    late = timeline.delays(submitted, await place.calls(began))
    return quantiles(late, n=_TWENTIETHS)[-1] * 1000


async def _gaps(place: _Place, info: ModelInfo) -> float:
    side, began = small_side(info), time.monotonic()
    works = [new_work(info, width=side, height=side, steps=4) for _ in range(place.amounts.queued)]
    await asyncio.gather(*(_draw(place.backend, work) for work in works))
    return median(timeline.gaps(await place.calls(began))) * 1000


async def _compiling(plan: Plan) -> float:
    """The loop's worst delay while jobs are drawn and the worker compiles beside them."""
    model = replace(plan.model, speed=replace(plan.model.speed, compile="on"))
    async with _folder() as folder:
        backend = _backend(replace(plan, model=model), compiled=folder)
        try:
            info = (await backend.capabilities()).models[0]
            return await _best([partial(_draw_until_compiled, backend, info, folder)])
        finally:
            await backend.aclose()


async def _draw_until_compiled(backend: LocalBackend, info: ModelInfo, folder: Path) -> None:
    """Draw until programs have been written to the folder and no more come.

    Raises ``Unavailable`` when there are none after ``COMPILING_SECONDS``.
    """
    began = changed = time.monotonic()
    files = 0
    while not files or time.monotonic() - changed < _SETTLED_SECONDS:
        await _draw(backend, new_work(info))
        found = await asyncio.to_thread(_count_files, folder)
        if found != files:
            files, changed = found, time.monotonic()
        if time.monotonic() - began > COMPILING_SECONDS:
            break
    if not files:
        raise Unavailable(detail=f"nothing was compiled within {COMPILING_SECONDS:g} s")


def _count_files(folder: Path) -> int:
    """Files of finished programs, as torch keeps them."""
    return sum(path.is_file() for path in (folder / "fxgraph").rglob("*"))


async def _draw(backend: LocalBackend, work: Work) -> None:
    """Run the job to its end. Raises the error that it failed with."""
    async for event in backend.run(work):
        if isinstance(event, Failed):
            raise event.error


def _backend(
    plan: Plan, *, command: Sequence[str] = WORKER_COMMAND, compiled: Path | None = None
) -> LocalBackend:
    return LocalBackend(
        "bench",
        [plan.model],
        device=plan.device,
        precision=plan.precision,
        threads=plan.threads,
        slots=plan.slots,
        compiled=compiled,
        command=command,
    )


@contextlib.asynccontextmanager
async def _folder() -> AsyncIterator[Path]:
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="easel-bench-")
    try:
        yield Path(folder.name)
    finally:
        await asyncio.to_thread(folder.cleanup)
