"""What counts as reached: every measure has its line, and every line its verdict."""

from __future__ import annotations

import pytest

from generation.bench.findings import KEYS
from generation.bench.targets import LINES, Verdict

LINE = {line.key: line for line in LINES}


def test_every_measure_has_a_line_in_the_order_of_the_report() -> None:
    assert tuple(line.key for line in LINES) == KEYS


@pytest.mark.parametrize(
    ("key", "met", "missed"),
    [
        ("worker_over_bare", 1.05, 1.06),
        ("submit_to_start_p95_ms", 5.0, 5.1),
        ("batch4_over_serial", 2.0, 1.99),
        ("batch4_over_raw", 0.9, 0.89),
        ("step_batch_max_difference", 1e-5, 2e-5),
        ("cancel_decodes", 0, 1),
        ("encode_1024_cpu_ms", 25, 25.1),
        ("gap_between_jobs_ms", 5, 5.1),
        ("rss_growth_mib", 5, 5.1),
        ("text_encoder_calls_on_repeat", 0, 1),
    ],
)
def test_a_number_is_judged_by_its_target(key: str, met: float, missed: float) -> None:
    assert LINE[key].verdict({key: met}) is Verdict.MET
    assert LINE[key].verdict({key: missed}) is Verdict.MISSED


def test_lateness_is_judged_against_the_idle_loop() -> None:
    for phase in ("loading", "running", "compiling"):
        key = f"loop_lateness_ms.{phase}"
        assert LINE[key].verdict({key: 35.0, "loop_lateness_ms.idle": 10.0}) is Verdict.MET
        assert LINE[key].verdict({key: 35.1, "loop_lateness_ms.idle": 10.0}) is Verdict.MISSED


def test_cancelling_is_judged_against_the_step() -> None:
    line = LINE["cancel_ms"]
    assert line.verdict({"cancel_ms": 60.0, "step_ms": 40.0}) is Verdict.MET
    assert line.verdict({"cancel_ms": 60.1, "step_ms": 40.0}) is Verdict.MISSED


def test_without_what_it_is_compared_with_there_is_no_verdict() -> None:
    assert LINE["cancel_ms"].verdict({"cancel_ms": 60.0}) is Verdict.NONE
    assert LINE["step_ms"].verdict({"step_ms": 40.0}) is Verdict.NONE


def test_what_was_not_measured_is_skipped() -> None:
    assert {line.verdict({}) for line in LINES} == {Verdict.SKIPPED}
