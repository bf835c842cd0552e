"""Which job goes to which backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from generation.types import JobState
from tests.generation.stage import Stage, StagedBackend


@pytest.fixture
def backends() -> tuple[StagedBackend, StagedBackend]:
    return StagedBackend("one", models=("small",)), StagedBackend("two", models=("large",))


@pytest.fixture
async def stage(
    tmp_path: Path, backends: tuple[StagedBackend, StagedBackend]
) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path, backends=backends)
    await stage.start()
    yield stage
    await stage.crash()


async def test_a_job_goes_to_a_backend_that_has_its_model(
    stage: Stage, backends: tuple[StagedBackend, StagedBackend]
) -> None:
    small, large = await stage.submit(), await stage.submit(model="large")
    assert (await backends[0].begun.get()).job_id == small
    assert (await backends[1].begun.get()).job_id == large


async def test_a_job_that_must_wait_holds_up_no_job_of_another_model(
    stage: Stage, backends: tuple[StagedBackend, StagedBackend]
) -> None:
    await stage.submit()
    await backends[0].begun.get()
    waiting = await stage.submit()
    large = await stage.submit(model="large")
    assert (await backends[1].begun.get()).job_id == large
    assert await stage.state(waiting) is JobState.QUEUED


async def test_no_more_jobs_run_than_there_are_slots(
    stage: Stage, backends: tuple[StagedBackend, StagedBackend]
) -> None:
    jobs = [await stage.submit() for _ in range(4)]
    for expected in jobs:
        assert (await backends[0].begun.get()).job_id == expected
        assert backends[0].begun.empty()
        assert sum([await stage.state(job) is JobState.RUNNING for job in jobs]) == 1
        await backends[0].finish(expected)


async def test_a_model_that_nobody_offers_any_more_fails_the_job(stage: Stage) -> None:
    job = await stage.final(await stage.submit(model="gone"))
    assert (job.state, job.fault and job.fault.code) == (JobState.FAILED, "unavailable")


async def test_one_persons_many_jobs_do_not_hold_up_another(
    stage: Stage, backends: tuple[StagedBackend, StagedBackend]
) -> None:
    greedy = [await stage.submit("greedy") for _ in range(4)]
    await backends[0].begun.get()
    modest = await stage.submit("modest")
    await backends[0].finish(greedy[0])
    assert (await backends[0].begun.get()).job_id == modest


async def test_a_lost_backend_leaves_the_other_one_working(
    stage: Stage, backends: tuple[StagedBackend, StagedBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(backends[0], "health", broken)
    await stage.clock.asleep(5.0)
    await stage.clock.advance(5.0)
    job_id = await stage.submit(model="large")
    await backends[1].begun.get()
    await backends[1].finish(job_id)
    assert (await stage.final(job_id)).state is JobState.DONE
