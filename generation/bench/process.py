"""What is measured around a real worker process, from the outside."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles

from generation.backends.base import Failed, ModelInfo, Work
from generation.backends.local import LocalBackend
from generation.backends.process import WORKER_COMMAND
from generation.bench import timeline
from generation.bench.findings import COMPILING, IDLE, LOADING, RUNNING, Findings, lateness_of
from generation.bench.jobs import new_work, small_side
from generation.bench.lateness import ticking
from generation.bench.plan import Plan

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
    """Lateness of this event loop, delays of starts, gaps. Raises ``Unavailable``."""
    amounts = QUICK if plan.is_quick else THOROUGH
    say("the event loop with no worker")
    worst = []
    for _ in range(_WINDOWS):
        with ticking() as ticks:
            await asyncio.sleep(amounts.idle_seconds / _WINDOWS)
        worst.append(ticks.worst_ms())
    findings.add({lateness_of(IDLE): min(worst)})
    async with _folder() as folder:
        diary = folder / "calls"
        await asyncio.to_thread(diary.touch)
        # One at a time: the gap that is looked for lies between two jobs.
        backend = _backend(replace(plan, slots=1), command=(*WATCHED, str(diary)))
        try:
            await _measure(backend, diary, amounts, findings, say)
        finally:
            await backend.aclose()
    if plan.is_quick:
        findings.skip(LEFT_OUT, lateness_of(COMPILING))
    else:
        await _measure_compiling(plan, findings, say)


async def _measure(
    backend: LocalBackend,
    diary: Path,
    amounts: Amounts,
    findings: Findings,
    say: Callable[[str], None],
) -> None:
    say("the event loop while a worker loads")
    with ticking() as ticks:
        info = (await backend.capabilities()).models[0]
    findings.add({lateness_of(LOADING): ticks.worst_ms()})
    await _draw(backend, new_work(info))  # the first job of a process is not like the others
    say("the event loop while a worker draws")
    worst = []
    for _ in range(_WINDOWS):
        with ticking() as ticks:
            ends = time.monotonic() + amounts.drawing_seconds / _WINDOWS
            while time.monotonic() < ends:
                await _draw(backend, new_work(info))
        worst.append(ticks.worst_ms())
    findings.add({lateness_of(RUNNING): min(worst)})
    say("how soon a job starts")
    submitted = await _start_often(backend, info, amounts.starts)
    calls = timeline.read(await asyncio.to_thread(diary.read_text, encoding="utf-8"))
    late = timeline.delays(submitted, calls)
    findings.add({"submit_to_start_p95_ms": quantiles(late, n=_TWENTIETHS)[-1] * 1000})
    say("the gap between two waiting jobs")
    began = time.monotonic()
    await _queue_up(backend, info, amounts.queued)
    calls = timeline.read(await asyncio.to_thread(diary.read_text, encoding="utf-8"))
    found = timeline.gaps([call for call in calls if call.began >= began])
    findings.add({"gap_between_jobs_ms": median(found) * 1000})


async def _measure_compiling(plan: Plan, findings: Findings, say: Callable[[str], None]) -> None:
    """Lateness while jobs are drawn and the worker compiles beside them."""
    say("the event loop while a worker compiles")
    model = replace(plan.model, speed=replace(plan.model.speed, compile="on"))
    async with _folder() as folder:
        backend = _backend(replace(plan, model=model), compiled=folder)
        try:
            info = (await backend.capabilities()).models[0]
            with ticking() as ticks:
                has_compiled = await _draw_until_compiled(backend, info, folder)
        finally:
            await backend.aclose()
    if has_compiled:
        findings.add({lateness_of(COMPILING): ticks.worst_ms()})
    else:
        reason = f"within {COMPILING_SECONDS:g} s nothing was compiled; is there a C++ compiler?"
        findings.skip(reason, lateness_of(COMPILING))


async def _draw_until_compiled(backend: LocalBackend, info: ModelInfo, folder: Path) -> bool:
    """Draw until programs have been written to the folder, and no more come; False without any."""
    began = changed = time.monotonic()
    files = 0
    while (now := time.monotonic()) - began < COMPILING_SECONDS:
        if files and now - changed > _SETTLED_SECONDS:
            break
        await _draw(backend, new_work(info))
        found = await asyncio.to_thread(_count_files, folder)
        if found != files:
            files, changed = found, time.monotonic()
    return files > 0


def _count_files(folder: Path) -> int:
    """Files of finished programs, as torch keeps them."""
    return sum(path.is_file() for path in (folder / "fxgraph").rglob("*"))


async def _start_often(backend: LocalBackend, info: ModelInfo, times: int) -> list[float]:
    """The moments at which jobs were given to an idle worker, each after the one before ended."""
    submitted = []
    side = small_side(info)
    for _ in range(times):
        work = new_work(info, width=side, height=side, steps=2)
        submitted.append(time.monotonic())
        await _draw(backend, work)
    return submitted


async def _queue_up(backend: LocalBackend, info: ModelInfo, number: int) -> None:
    side = small_side(info)
    works = [new_work(info, width=side, height=side, steps=4) for _ in range(number)]
    await asyncio.gather(*(_draw(backend, work) for work in works))


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
