"""Whether a worker's memory grows with the jobs it has done."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from generation.bench.jobs import new_work, small_side
from generation.worker import protocol
from generation.worker.bench.lab import Lab, Run
from generation.worker.bench.reporter import MeasureError

_STATM = Path("/proc/self/statm")
_WARM_UP = 200
_NO_SAMPLER = "none of this name"


def rss_growth_mib(lab: Lab, jobs: int) -> float:
    """MiB that this process has more after the last job than after the first two hundred.

    Among the jobs are two sizes, some of two pictures, some that come four at a time, and of
    twenty one that is cancelled and one that fails.
    """
    warm_up = min(_WARM_UP, jobs // 2)
    before = None
    done = 0
    while done < jobs:
        runs = _some(lab, done)
        done += len(runs)
        if before is None and done >= warm_up:
            before = resident_mib()
    if before is None:
        raise MeasureError("there were too few jobs")
    return resident_mib() - before


def resident_mib() -> float:
    """Memory of this process that lies in the machine's. Raises ``MeasureError``."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except OSError as error:
        raise MeasureError(f"{sys.platform} does not tell how much memory is used") from error
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _some(lab: Lab, number: int) -> list[Run]:
    """The next job or jobs, to their ends."""
    side = small_side(lab.info) * (2 if number % 3 == 0 else 1)
    count = 2 if number % 7 == 0 else 1
    kind = number % 20
    changes: dict[str, object] = {"width": side, "height": side, "steps": 2, "count": count}
    if kind == 5:
        changes["sampler"] = _NO_SAMPLER
    works = [new_work(lab.info, **changes) for _ in range(4 if kind == 10 else 1)]
    runs = [lab.submit(work) for work in works]
    if kind == 15:
        lab.cancel(runs[0])
    for run in runs:
        run.await_end()
        if isinstance(run.ending, protocol.Fell) and kind != 5:
            raise MeasureError(f"a job failed: {run.ending.detail or run.ending.sentence}")
    return runs
