"""Several jobs in one real worker, one of which kills it: the whole way to the ending."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import pytest
import pytest_asyncio

from generation.backends.local import LocalBackend
from generation.clock import SystemClock
from generation.dispatcher import Rules
from generation.dispatcher.endings import CRASHED_TWICE
from generation.types import JobId, JobState
from generation.worker.settings import LocalModel
from tests.generation.backends import faulty_worker as fault
from tests.generation.local_models import params
from tests.generation.stage import Stage


@pytest_asyncio.fixture
async def stage(
    tiny: LocalModel, tmp_path: Path, fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    monkeypatch.setenv(fault.FIFO, str(fifo))
    command = (sys.executable, "-m", "tests.generation.backends.faulty_worker")
    backend = LocalBackend("local", [tiny], device="cpu", threads=1, slots=4, command=command)
    await backend.start()
    stage = Stage(tmp_path, backends=(backend,), rules=Rules(poll_seconds=0.05))
    stage.clock = SystemClock()  # type: ignore[assignment]  # a real worker takes real time
    await stage.start()
    yield stage
    await stage.crash()
    await backend.aclose()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


async def running(stage: Stage, job_id: JobId) -> JobId:
    await stage.settled(job_id, lambda job: job.state is JobState.RUNNING)
    return job_id


async def submitted(stage: Stage, owner: str, **changes: object) -> JobId:
    return await stage.submit(owner, **asdict(params(**changes)))


@pytest.mark.filterwarnings("ignore")
async def test_a_crashing_job_is_given_up_and_its_neighbours_get_their_pictures(
    stage: Stage, fifo: Path
) -> None:
    guilty = await running(stage, await submitted(stage, "eve", width=fault.SEGFAULT_WHEN_TOLD))
    innocent = [await running(stage, await submitted(stage, owner)) for owner in ("ada", "bob")]
    for _ in range(2):
        await asyncio.to_thread(fifo.read_bytes)  # then it strikes
    given_up = await stage.final(guilty)
    assert given_up.fault is not None
    assert (given_up.state, given_up.attempts) == (JobState.FAILED, 2)
    assert given_up.fault.sentence == CRASHED_TWICE
    for job_id in innocent:
        job = await stage.final(job_id)
        assert (job.state, job.attempts, len(job.outputs)) == (JobState.DONE, 2, 1)
