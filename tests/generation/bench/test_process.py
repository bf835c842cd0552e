"""Measures around a worker process: what it writes down, and what happens without an answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from statistics import StatisticsError

import pytest

from generation.bench import Findings, Plan, process, timeline
from generation.bench.jobs import new_work
from generation.errors import Unavailable
from generation.worker.settings import LocalModel
from tests.generation.local_models import tiny_model


async def test_a_watched_worker_writes_down_its_models_calls(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tiny = await asyncio.to_thread(tiny_model, tmp_path_factory.getbasetemp())
    diary = tmp_path / "calls"
    diary.touch()
    plan = Plan(model=tiny, device="cpu", threads=1, slots=1)
    backend = process._backend(plan, command=(*process.WATCHED, str(diary)))
    try:
        info = (await backend.capabilities()).models[0]
        before = len(timeline.read(diary.read_text()))
        await process._draw(backend, new_work(info, steps=3))
        calls = timeline.read(diary.read_text())[before:]
    finally:
        await backend.aclose()
    parts = [call.part for call in calls]
    assert parts.count("denoiser") == 3
    assert parts[0] == "text_encoder"
    assert parts[-1] == "decoder"


async def test_a_worker_that_cannot_start_ends_the_measuring() -> None:
    gone = replace(process.QUICK, idle_seconds=0.1)
    plan = Plan(
        model=LocalModel(name="none", title="None", path=Path("/nowhere")),
        device="cpu",
        is_quick=True,
    )
    findings = Findings()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "QUICK", gone)
        with pytest.raises(Unavailable) as caught:
            await process.measure_process(plan, findings, lambda _: None)
    assert "/nowhere" in (caught.value.detail or "")
    assert list(findings.numbers) == ["loop_lateness_ms.idle"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unavailable(detail="nothing was compiled"), "a job failed: nothing was compiled"),
        (StatisticsError(), "too few calls of the model were seen"),
    ],
)
async def test_one_measure_that_fails_leaves_the_others(error: Exception, reason: str) -> None:
    async def measure() -> float:
        raise error

    findings = Findings()
    await process._or_skip(findings, "step_ms", measure())
    assert findings.skipped == {"step_ms": reason}
