"""The benchmark from its first measure to the report."""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace

from generation.bench.child import ChildError, run_child
from generation.bench.findings import KEYS, Findings
from generation.bench.machine import load_now, look_at_machine
from generation.bench.plan import FEWEST_JOBS, GROWTH, SPEED, Plan
from generation.bench.process import LEFT_OUT, measure_process
from generation.bench.report import Report
from generation.errors import GenerationError

_LIBRARIES = ("easel", "torch", "diffusers", "transformers")
_GROWTH = "rss_growth_mib"


class BenchError(Exception):
    """Nothing can be measured. The text says why and what to do."""


async def measure(plan: Plan, *, say: Callable[[str], None]) -> Report:
    """Measure what the plan asks for, telling each step. Raises ``BenchError``."""
    machine = await asyncio.to_thread(look_at_machine)
    findings = Findings()
    try:
        await measure_process(plan, findings, say)
    except GenerationError as error:
        raise BenchError(
            f"the model {plan.model.name} cannot be measured: {error.detail or error.sentence}"
        ) from error
    await _part(SPEED, plan, findings, say, [key for key in KEYS if key != _GROWTH])
    if plan.is_quick or plan.jobs < FEWEST_JOBS:
        findings.skip(LEFT_OUT, _GROWTH)
    else:
        await _part(GROWTH, plan, findings, say, [_GROWTH])
    return Report(
        model=plan.model.name,
        machine=replace(machine, load_after=load_now()),
        versions=await asyncio.to_thread(_versions),
        findings=findings,
    )


async def _part(
    part: str, plan: Plan, findings: Findings, say: Callable[[str], None], keys: Sequence[str]
) -> None:
    reason = "it was not reached"
    try:
        await run_child(part, plan, findings, say)
    except ChildError as error:
        reason = str(error)
    findings.skip(reason, *(key for key in keys if key not in findings.skipped))


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found
