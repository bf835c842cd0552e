"""The process that measures, as its parent sees it: findings, reasons, and every bad end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from generation.bench import Findings, Plan
from generation.bench.child import ChildError, run_child
from generation.worker.settings import LocalModel

PLAN = Plan(model=LocalModel(name="none", title="None", path=Path("/nowhere")), device="cpu")


async def told(program: str, findings: Findings) -> list[str]:
    said: list[str] = []
    command = (sys.executable, "-c", f"import json, sys\n{program}")
    await run_child("speed", PLAN, findings, said.append, command=command)
    return said


async def test_what_it_says_and_finds_is_taken_in() -> None:
    findings = Findings()
    program = """
order = json.loads(sys.stdin.readline())
print(json.dumps({"say": order["part"] + " of " + order["plan"]["model"]["name"]}))
print(json.dumps({"found": {"step_ms": 3}, "facts": {"device": "cpu"}}))
print(json.dumps({"skipped": {"cancel_ms": "no time"}}))
"""
    assert await told(program, findings) == ["speed of none"]
    assert findings.numbers == {"step_ms": 3.0}
    assert findings.skipped == {"cancel_ms": "no time"}
    assert findings.facts == {"device": "cpu"}


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("print(json.dumps({'broken': 'there is no folder'}))", "there is no folder"),
        ("print('hello')", "said b'hello"),
        ("sys.exit('out of luck')", "ended with status 1"),
        ("import os; os.abort()", "SIGABRT"),
    ],
)
async def test_a_bad_end_is_told_and_loses_nothing_found_before(end: str, words: str) -> None:
    findings = Findings()
    with pytest.raises(ChildError, match=words):
        await told(f"print(json.dumps({{'found': {{'step_ms': 3}}}}), flush=True)\n{end}", findings)
    assert findings.numbers == {"step_ms": 3.0}


async def test_a_process_that_reads_nothing_is_no_trouble() -> None:
    findings = Findings()
    await told("sys.stdin.close(); print(json.dumps({'found': {'step_ms': 1}}))", findings)
    assert findings.numbers == {"step_ms": 1.0}
