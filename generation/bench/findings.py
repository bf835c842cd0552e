"""What a benchmark has found so far: numbers, and the reasons where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

IDLE, LOADING, RUNNING, COMPILING = "idle", "loading", "running", "compiling"
PHASES = (IDLE, LOADING, RUNNING, COMPILING)


def lateness_of(phase: str) -> str:
    """The key of the event loop's lateness in a phase."""
    return f"loop_lateness_ms.{phase}"


KEYS: tuple[str, ...] = (
    "worker_over_bare",
    *(lateness_of(phase) for phase in PHASES),
    "submit_to_start_p95_ms",
    "batch4_over_serial",
    "batch4_over_raw",
    "step_batch_max_difference",
    "cancel_ms",
    "cancel_decodes",
    "step_ms",
    "encode_1024_cpu_ms",
    "gap_between_jobs_ms",
    "rss_growth_mib",
    "text_encoder_calls_on_repeat",
    "tflop_per_step",
    "tflops",
)
"""Every measure, in the order of the report. A dot stands for an object within the object."""


@dataclass(kw_only=True, slots=True)
class Findings:
    """Each key of ``KEYS`` is in ``numbers``, in ``skipped`` with its reason, or not done yet.

    ``facts`` are words about what was measured: the device, versions.
    """

    numbers: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def add(self, numbers: Mapping[str, float]) -> None:
        """Take measures in. Raises ``KeyError`` for one that is not among ``KEYS``."""
        for key, number in numbers.items():
            if key not in KEYS:
                raise KeyError(key)
            self.numbers[key] = float(number)

    def skip(self, reason: str, *keys: str) -> None:
        """Say why these were not measured; what has been measured stays."""
        self.skipped.update({key: reason for key in keys if key not in self.numbers})
