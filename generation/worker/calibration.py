"""How many rows of a call pay: measured once for each model, device and size, and kept on disk."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from generation.worker.memory import is_out_of_memory

WORTH = 1.1
"""Doubling a call's rows must make this many times as many rows a second to be worth it."""
MOST_ROWS = 32
_SECONDS = 2.0
_RUNS = 3
_MOST_RUNS = 15
_ENOUGH_SECONDS = 0.1  # a shorter call is made more often: one interruption would decide it


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """``rows`` of one job's call, and ``jobs``, how many such calls are worth joining."""

    rows: int
    jobs: int

    @property
    def most(self) -> int:
        """Rows of the largest call that pays."""
        return self.rows * self.jobs


class Limits(Protocol):
    """Bounds of joined calls to one part of a model, by the size of a row."""

    def most(self, size: str) -> int | None:
        """Rows of the largest call worth making; None when it has to be measured first."""
        ...

    def measure(self, size: str, rows: int, run: Callable[[int], None]) -> None:
        """Measure what ``run`` takes for so many times a call of ``rows``, and remember."""
        ...

    def lower(self, size: str, rows: int) -> None:
        """Make no larger calls than this from now on: a larger one had no room."""
        ...


class NoLimits:
    """Everything that waits is joined, unless it had no room."""

    def __init__(self) -> None:
        self._lowered: dict[str, int] = {}

    def most(self, size: str) -> int | None:
        """Rows of the largest call that had room."""
        return self._lowered.get(size, MOST_ROWS * MOST_ROWS)

    def measure(self, size: str, rows: int, run: Callable[[int], None]) -> None:
        """Nothing: no measurement is ever asked for."""

    def lower(self, size: str, rows: int) -> None:
        """Make no larger calls than this from now on."""
        self._lowered[size] = max(1, rows)


class Calibration:
    """The limits of one part of a model on one device, measured when they are first needed.

    ``setting`` names everything that decides the speed of a call but its size. Measuring doubles
    the calls until the gain is below ``WORTH``, memory runs out or about two seconds have
    passed. ``timer`` is read before and after a run.
    """

    def __init__(
        self, notes: Notes, setting: str, *, timer: Callable[[], float] = time.perf_counter
    ) -> None:
        self._notes = notes
        self._setting = setting
        self._timer = timer
        self._lowered: dict[str, int] = {}

    def known(self, size: str) -> Measured | None:
        """What was measured for the size, in this life or an earlier one."""
        return self._notes.read(self._setting, size)

    def note(self, size: str, measured: Measured) -> None:
        """Keep a measurement under one more name for the size."""
        self._notes.write(self._setting, size, measured)

    def most(self, size: str) -> int | None:
        """Rows of the largest call worth making; None when it has to be measured first."""
        known, lowered = self.known(size), self._lowered.get(size)
        if known is None:
            return lowered
        return known.most if lowered is None else min(known.most, lowered)

    def lower(self, size: str, rows: int) -> None:
        """Make no larger calls than this while this process lives: memory may be freer later."""
        self._lowered[size] = max(1, rows)

    def measure(self, size: str, rows: int, run: Callable[[int], None]) -> None:
        """Find how many calls of ``rows`` are worth joining, and keep it.

        ``run`` makes the call for so many at once and returns when the device is done. Errors
        other than running out of memory are the caller's.
        """
        began = self._timer()
        run(1)  # the first time costs more than the next
        jobs, seconds = 1, 0.0
        while 2 * jobs * rows <= MOST_ROWS and self._timer() - began < _SECONDS:
            seconds = seconds or self._least(run, 1)
            try:
                doubled = self._least(run, 2 * jobs)
                if 2 * seconds < WORTH * doubled:
                    # What is kept for good must not hang on a moment when the machine was busy.
                    doubled = min(doubled, self._least(run, 2 * jobs))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                break
            if 2 * seconds < WORTH * doubled:
                break
            jobs, seconds = 2 * jobs, doubled
        self.note(size, Measured(rows=rows, jobs=jobs))

    def _least(self, run: Callable[[int], None], jobs: int) -> float:
        """Seconds of the fastest of a few runs; of fewer where they take long."""
        least, spent = float("inf"), 0.0
        for done in range(1, _MOST_RUNS + 1):
            before = self._timer()
            run(jobs)
            seconds = self._timer() - before
            least, spent = min(least, seconds), spent + seconds
            if spent > _SECONDS / 4 or (done >= _RUNS and spent > _ENOUGH_SECONDS):
                break
        return least


class Notes:
    """Measurements on disk, or only in memory without a file. A damaged file counts as empty."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._known = self._load()

    def read(self, setting: str, size: str) -> Measured | None:
        """What was written for that setting and size."""
        return self._known.get(setting, {}).get(size)

    def write(self, setting: str, size: str, measured: Measured) -> None:
        """Keep it. Another worker's notes in the same file stay; a full disk is no error."""
        with self._lock:
            for other, sizes in self._load().items():
                self._known[other] = {**sizes, **self._known.get(other, {})}
            self._known.setdefault(setting, {})[size] = measured
            if self._file is not None:
                with contextlib.suppress(OSError):
                    _replace(self._file, self._known)

    def _load(self) -> dict[str, dict[str, Measured]]:
        try:
            content = json.loads(self._file.read_text(encoding="utf-8")) if self._file else {}
            return {
                str(setting): {
                    str(size): Measured(rows=max(1, int(rows)), jobs=max(1, int(jobs)))
                    for size, (rows, jobs) in sizes.items()
                }
                for setting, sizes in content.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def _replace(file: Path, known: Mapping[str, Mapping[str, Measured]]) -> None:
    content = {
        setting: {size: [measured.rows, measured.jobs] for size, measured in sizes.items()}
        for setting, sizes in known.items()
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
    partial.replace(file)
