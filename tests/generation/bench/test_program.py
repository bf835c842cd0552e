"""The benchmark as a whole: what it does without, and one real run."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from generation.bench import BenchError, Findings, Plan, as_json, measure, program
from generation.bench.child import ChildError
from generation.errors import Unavailable
from generation.worker.settings import LocalModel
from tests.generation.bench.reports import SCHEMA

ROOT = Path(__file__).parents[3]
PLAN = Plan(model=LocalModel(name="none", title="None", path=Path("/nowhere")), device="cpu")

Say = Callable[[str], None]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts that were measured; each finds something and then has trouble."""
    measured: list[str] = []

    async def around(_plan: Plan, findings: Findings, _say: Say) -> None:
        findings.add({"loop_lateness_ms.idle": 1.0})

    async def inside(part: str, _plan: Plan, findings: Findings, _say: Say) -> None:
        measured.append(part)
        findings.add({"step_ms": 3.0} if part == "speed" else {})
        raise ChildError(f"{part} broke")

    monkeypatch.setattr(program, "measure_process", around)
    monkeypatch.setattr(program, "run_child", inside)
    return measured


async def test_a_part_that_breaks_takes_nothing_along(parts: list[str]) -> None:
    content = as_json(await measure(PLAN, say=lambda _: None))
    jsonschema.validate(json.loads(json.dumps(content)), SCHEMA)
    assert parts == ["speed", "growth"]
    assert content["step_ms"] == 3.0
    skipped = content["skipped"]
    assert isinstance(skipped, dict)
    assert skipped["cancel_ms"] == "speed broke"
    assert skipped["rss_growth_mib"] == "growth broke"


@pytest.mark.parametrize("plan", [replace(PLAN, is_quick=True), replace(PLAN, jobs=0)])
async def test_memory_is_left_out_on_request(plan: Plan, parts: list[str]) -> None:
    content = as_json(await measure(plan, say=lambda _: None))
    assert parts == ["speed"]
    skipped = content["skipped"]
    assert isinstance(skipped, dict)
    assert skipped["rss_growth_mib"] == "left out, as it was asked for"


async def test_a_worker_that_cannot_start_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def around(_plan: Plan, _findings: Findings, _say: Say) -> None:
        raise Unavailable(detail="there is no folder /nowhere")

    monkeypatch.setattr(program, "measure_process", around)
    with pytest.raises(BenchError, match="none cannot be measured: there is no folder /nowhere"):
        await measure(PLAN, say=lambda _: None)


@pytest.mark.slow
async def test_a_real_run_measures_everything_but_what_quick_leaves_out() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "bench", "--quick", "--json"),
        *("--model", "random:tiny-sd15", "--device", "cpu"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    content = json.loads(out)
    jsonschema.validate(content, SCHEMA)
    assert set(content["skipped"]) <= {"loop_lateness_ms.compiling", "rss_growth_mib"}
    assert content["cancel_decodes"] == content["text_encoder_calls_on_repeat"] == 0
    assert content["step_batch_max_difference"] <= 1e-5
