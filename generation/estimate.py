"""How long jobs take, and how long a waiting one will wait, from what was measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from generation.line import Waiting
from generation.store import Sample, Started

_SAMPLES_PER_MODEL = 20


class Speeds:
    """Seconds per unit of work, for each model and for each model on each backend.

    Medians of the latest jobs, so that one that also loaded its model does not count for all.
    """

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        """``samples``: the latest first."""
        by_model: dict[str, list[float]] = defaultdict(list)
        by_place: dict[tuple[str, str], list[float]] = defaultdict(list)
        for sample in samples:
            if sample.work <= 0:
                continue
            rate = sample.seconds / sample.work
            for rates in (by_model[sample.model], by_place[sample.backend, sample.model]):
                if len(rates) < _SAMPLES_PER_MODEL:
                    rates.append(rate)
        self.of_models: Mapping[str, float] = {
            key: median(rates) for key, rates in by_model.items()
        }
        self._of_places = {key: median(rates) for key, rates in by_place.items()}

    def seconds(self, backend: str, model: str, work: float) -> float | None:
        """How long that backend takes for that much work; None where it was never measured."""
        rate = self._of_places.get((backend, model))
        return None if rate is None else rate * work


def seconds_until_start(
    ahead: Sequence[Waiting],
    running: Sequence[Started],
    *,
    speed: Mapping[str, float],
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
