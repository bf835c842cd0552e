"""What is wanted of each measure, and whether it was reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from generation.bench.findings import COMPILING, IDLE, LOADING, RUNNING, lateness_of

Numbers = Mapping[str, float]

LATENESS_ALLOWED = 25.0
CANCEL_ALLOWED = 20.0


class Verdict(StrEnum):
    """How a measure stands to its target."""

    MET = "met"
    MISSED = "missed"
    NONE = "-"
    """There is no target, or the number that it is compared with is missing."""
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line of the report: what the measure is, in which unit, and what is wanted of it.

    ``is_met`` may raise ``KeyError`` when it needs a number that was not measured.
    """

    key: str
    title: str
    unit: str = ""
    wanted: str = ""
    is_met: Callable[[Numbers], bool] | None = None

    def verdict(self, numbers: Numbers) -> Verdict:
        """How the measure came out."""
        if self.key not in numbers:
            return Verdict.SKIPPED
        if self.is_met is None:
            return Verdict.NONE
        try:
            return Verdict.MET if self.is_met(numbers) else Verdict.MISSED
        except KeyError:
            return Verdict.NONE


def _at_most(key: str, limit: float) -> Callable[[Numbers], bool]:
    return lambda numbers: numbers[key] <= limit


def _at_least(key: str, limit: float) -> Callable[[Numbers], bool]:
    return lambda numbers: numbers[key] >= limit


def _lateness(phase: str, words: str) -> Line:
    key = lateness_of(phase)
    return Line(
        key=key,
        title=f"event loop late at most, while a worker {words}",
        unit="ms",
        wanted=f"≤ idle + {LATENESS_ALLOWED:g}",
        is_met=lambda numbers: numbers[key] <= numbers[lateness_of(IDLE)] + LATENESS_ALLOWED,
    )


LINES: tuple[Line, ...] = (
    Line(
        key="worker_over_bare",
        title="a job through the worker / the bare pipeline",
        unit="×",
        wanted="≤ 1.05",
        is_met=_at_most("worker_over_bare", 1.05),
    ),
    Line(key=lateness_of(IDLE), title="event loop late at most, with no worker", unit="ms"),
    _lateness(LOADING, "loads"),
    _lateness(RUNNING, "draws"),
    _lateness(COMPILING, "compiles"),
    Line(
        key="submit_to_start_p95_ms",
        title="from submit to the model's first call, worker idle (p95)",
        unit="ms",
        wanted="≤ 5",
        is_met=_at_most("submit_to_start_p95_ms", 5.0),
    ),
    Line(
        key="batch4_over_serial",
        title="four members' jobs at once / one by one (throughput)",
        unit="×",
        wanted="≥ 2",
        is_met=_at_least("batch4_over_serial", 2.0),
    ),
    Line(
        key="batch4_over_raw",
        title="four members' jobs / the bare pipeline's batch of four",
        unit="×",
        wanted="≥ 0.9",
        is_met=_at_least("batch4_over_raw", 0.9),
    ),
    Line(
        key="step_batch_max_difference",
        title="seven jobs, five samplers, late joins: difference from alone",
        wanted="≤ 1e-5",
        is_met=_at_most("step_batch_max_difference", 1e-5),
    ),
    Line(
        key="cancel_ms",
        title="from cancel to the worker being free, at worst",
        unit="ms",
        wanted=f"≤ step + {CANCEL_ALLOWED:g}",
        is_met=lambda numbers: numbers["cancel_ms"] <= numbers["step_ms"] + CANCEL_ALLOWED,
    ),
    Line(
        key="cancel_decodes",
        title="pictures decoded although cancelled",
        wanted="0",
        is_met=_at_most("cancel_decodes", 0),
    ),
    Line(key="step_ms", title="a denoising step", unit="ms"),
    Line(
        key="encode_1024_cpu_ms",
        title="lossless file of 1024×1024, processor time",
        unit="ms",
        wanted="≤ 25",
        is_met=_at_most("encode_1024_cpu_ms", 25.0),
    ),
    Line(
        key="gap_between_jobs_ms",
        title="the device idle between two waiting jobs",
        unit="ms",
        wanted="≤ 5",
        is_met=_at_most("gap_between_jobs_ms", 5.0),
    ),
    Line(
        key="rss_growth_mib",
        title="growth of the worker's memory over many jobs",
        unit="MiB",
        wanted="≤ 5",
        is_met=_at_most("rss_growth_mib", 5.0),
    ),
    Line(
        key="text_encoder_calls_on_repeat",
        title="text encoder calls for a prompt that was drawn before",
        wanted="0",
        is_met=_at_most("text_encoder_calls_on_repeat", 0),
    ),
    Line(key="tflop_per_step", title="work in a step", unit="TFLOP"),
    Line(key="tflops", title="reached in a step", unit="TFLOP/s"),
)
"""One line for each of ``findings.KEYS``, in that order. Targets are for a processor and the
shipped model; what is compared within one run holds elsewhere too."""
