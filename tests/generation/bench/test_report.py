"""The report as JSON and as a table."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest

from generation.bench import Findings, as_json, as_table
from generation.bench.findings import KEYS
from tests.generation.bench.reports import MACHINE, SCHEMA, report

ALL = dict.fromkeys(KEYS, 1.0)


@pytest.mark.parametrize("numbers", [{}, {"step_ms": 3.0}, ALL])
def test_the_json_always_has_every_measure(numbers: dict[str, float]) -> None:
    content = json.loads(json.dumps(as_json(report(numbers))))
    jsonschema.validate(content, SCHEMA)


def test_a_measure_is_a_number_or_null_with_its_reason() -> None:
    content = as_json(report({"step_ms": 3.0, "loop_lateness_ms.idle": 0.5}))
    assert content["step_ms"] == 3.0
    assert content["cancel_ms"] is None
    assert content["loop_lateness_ms"] == {
        "idle": 0.5,
        "loading": None,
        "running": None,
        "compiling": None,
    }
    skipped = content["skipped"]
    assert isinstance(skipped, dict)
    assert skipped["cancel_ms"] == "there was no time"
    assert "step_ms" not in skipped


def test_the_json_names_what_was_missed() -> None:
    content = as_json(report({"worker_over_bare": 1.2, "encode_1024_cpu_ms": 3.0}))
    assert content["missed"] == ["worker_over_bare"]


def test_the_table_shows_target_value_and_verdict() -> None:
    lines = as_table(report({"worker_over_bare": 1.2, "batch4_over_serial": 2.5})).splitlines()
    (missed,) = [line for line in lines if "bare pipeline  " in line and "through" in line]
    assert missed.split()[-5:] == ["1.2", "×", "≤", "1.05", "missed"]
    (met,) = [line for line in lines if "one by one" in line and "skipped" not in line]
    assert met.split()[-5:] == ["2.5", "×", "≥", "2", "met"]


def test_the_table_gives_the_reason_for_what_is_missing() -> None:
    table = as_table(report({"step_ms": 3.0}))
    assert "skipped: lossless file of 1024×1024, processor time: there was no time" in table


@pytest.mark.parametrize(("load", "warns"), [(0.1, False), (3.0, True), (None, False)])
def test_a_busy_machine_is_pointed_out(load: float | None, warns: bool) -> None:
    table = as_table(report(ALL, replace(MACHINE, load_before=load)))
    assert ("The machine was busy" in table) is warns


def test_a_reason_does_not_hide_a_number() -> None:
    findings = Findings()
    findings.add({"step_ms": 3.0})
    findings.skip("too late", "step_ms", "cancel_ms")
    assert findings.skipped == {"cancel_ms": "too late"}


def test_an_unknown_measure_is_not_taken_in() -> None:
    with pytest.raises(KeyError, match="beauty"):
        Findings().add({"beauty": 1.0})
