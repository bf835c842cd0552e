"""What a benchmark is to measure."""

from __future__ import annotations

from dataclasses import dataclass

from generation.worker.settings import LocalModel, WorkerSettings

SPEED, GROWTH = "speed", "growth"
"""The parts that need torch, and run in a process each."""

JOBS = 2000
"""How many jobs the worker's memory is watched over, where nothing else is asked for."""

FEWEST_JOBS = 20
"""The mixture of jobs repeats after so many; memory over fewer would say nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The model and the device, as a worker is told them, and how thorough to be.

    A quick plan repeats less and leaves out compiling and memory. ``jobs`` is the number of jobs
    over which memory is watched; 0 leaves that out. ``slots`` is the worker's setting of that name.
    """

    model: LocalModel
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    is_quick: bool = False
    jobs: int = JOBS
    slots: int | None = None

    @property
    def settings(self) -> WorkerSettings:
        """What the workers of this benchmark are told."""
        return WorkerSettings(
            models=(self.model,),
            device=self.device,
            precision=self.precision,
            threads=self.threads,
            slots=self.slots,
        )
