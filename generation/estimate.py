"""How long a waiting job will wait, from the measured speed of jobs like those ahead of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

from generation.store import Started
from generation.types import Waiting

_SAMPLES_PER_MODEL = 20


def speeds(samples: Iterable[tuple[str, float, float]]) -> dict[str, float]:
    """Seconds per unit of work for each model, from (model, work, seconds), the latest first.

    The median, so that one job that also loaded the model does not count for all.
    """
    measured: dict[str, list[float]] = defaultdict(list)
    for model, work, seconds in samples:
        if work > 0 and len(measured[model]) < _SAMPLES_PER_MODEL:
            measured[model].append(seconds / work)
    return {model: median(rates) for model, rates in measured.items() if rates}


def seconds_until_start(
    ahead: Sequence[Waiting],
    running: Sequence[Started],
    *,
    speed: dict[str, float],
    slots: int,
    now: float,
) -> float | None:
    """Seconds until a job starts that comes after ``ahead``; None if a speed is not known.

    ``slots`` is how many jobs run at once. Zero while nothing stands in the way.
    """
    if not ahead and len(running) < slots:
        return 0.0
    total = 0.0
    for job in running:
        if job.model not in speed:
            return None
        elapsed = max(0.0, now - job.started_at)
        total += max(0.0, job.work * speed[job.model] - elapsed)
    for item in ahead:
        if item.model not in speed:
            return None
        total += item.work * speed[item.model]
    return total / max(1, slots)
