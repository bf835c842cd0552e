"""Every ending is shown once, later if it must be, beside the jobs that run meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from generation.dispatcher import Rules
from generation.errors import DeliveryError, StorageError
from generation.types import Job, JobId, JobState, OwnerId
from tests.generation.stage import Stage

POLL = Rules().poll_seconds


async def finished(stage: Stage) -> JobId:
    """A job whose pictures are made."""
    job_id = await stage.submit()
    await stage.backend.begun.get()
    await stage.backend.finish(job_id)
    return job_id


async def pass_time(stage: Stage, seconds: float) -> None:
    for _ in range(round(seconds / POLL)):
        await stage.clock.asleep(POLL)
        await stage.clock.advance(POLL)


async def test_a_delivery_put_off_is_tried_again_when_it_said(stage: Stage) -> None:
    stage.audience.troubles = [DeliveryError(retry_after=30.0)]
    job_id = await finished(stage)
    await stage.audience.tried(1)
    await pass_time(stage, 25)
    assert stage.audience.calls == [job_id]
    await pass_time(stage, 10)
    await stage.audience.tried(2)
    assert (await stage.final(job_id)).state is JobState.DONE
    assert stage.audience.calls == [job_id, job_id]


async def test_a_delivery_that_can_never_work_ends_the_job_and_keeps_its_pictures(
    stage: Stage,
) -> None:
    stage.audience.troubles = [DeliveryError()]
    job = await stage.final(await finished(stage))
    assert job.state is JobState.DONE
    assert job.request.delivery == "channel:5"
    assert await stage.queue.picture(job.outputs[0].blob) == b"picture"
    assert stage.audience.calls == [job.id]


async def test_a_delivery_is_not_tried_for_ever(tmp_path: Path) -> None:
    stage = Stage(tmp_path, rules=Rules(delivery_seconds=60.0))
    await stage.start()
    stage.audience.troubles = [DeliveryError(retry_after=60.0)] * 3
    job_id = await finished(stage)
    await stage.audience.tried(1)
    await pass_time(stage, 65)
    assert (await stage.final(job_id)).state is JobState.DONE
    await stage.crash()
    assert stage.audience.shown.empty()
    assert stage.audience.calls == [job_id, job_id]


async def test_an_audience_that_crashes_is_asked_again(stage: Stage) -> None:
    stage.audience.troubles = [ZeroDivisionError()]
    job_id = await finished(stage)
    await stage.audience.tried(1)
    await pass_time(stage, 10)
    assert (await stage.final(job_id)).state is JobState.DONE
    assert stage.audience.calls == [job_id, job_id]


async def test_a_slow_delivery_holds_no_slot(stage: Stage) -> None:
    stage.audience.door = asyncio.Event()
    slow = await finished(stage)
    await stage.audience.tried(1)
    other = await stage.submit()
    assert (await stage.backend.begun.get()).job_id == other
    assert await stage.state(slow) is JobState.DELIVERING
    stage.audience.door.set()
    assert (await stage.final(slow)).state is JobState.DONE


async def test_an_ending_not_shown_before_a_crash_is_shown_once_after_it(stage: Stage) -> None:
    stage.audience.door = asyncio.Event()
    job_id = await finished(stage)
    await stage.audience.tried(1)
    await stage.crash()
    stage.audience.door = None
    await stage.start()
    assert (await stage.final(job_id)).state is JobState.DONE
    assert stage.audience.shown.qsize() == 1
    assert stage.backend.submissions == [job_id]


async def test_an_ending_shown_before_a_crash_is_not_shown_again(stage: Stage) -> None:
    job_id = await finished(stage)
    await stage.final(job_id)
    await stage.crash()
    await stage.start()
    other = await finished(stage)
    await stage.final(other)
    assert stage.audience.calls == [job_id, other]


async def test_a_delivery_asked_for_twice_is_made_once(stage: Stage) -> None:
    job_id = await finished(stage)
    await stage.final(job_id)
    # The dispatcher may have read the row as delivering just before it was closed.
    await stage.dispatcher._deliveries.deliver(job_id)
    assert stage.audience.calls == [job_id]


async def test_a_person_forgotten_while_a_job_runs_is_shown_nothing_more(
    stage: Stage,
) -> None:
    job_id = await stage.submit("eve")
    await stage.backend.begun.get()
    stage.audience.troubles = [DeliveryError(retry_after=10.0)]
    assert await stage.queue.forget(OwnerId("eve")) == 1
    other = await finished(stage)
    await stage.final(other)
    await pass_time(stage, 30)
    assert stage.audience.shown.qsize() == 1
    assert job_id not in {job.id for job in await stage.store.jobs.unfinished()}


async def test_a_database_that_cannot_be_read_for_a_while_delays_a_delivery_and_ends_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await stage.submit()
    await stage.backend.begun.get()
    read, failures = stage.store.jobs.job, [StorageError(detail="no free connection")]

    async def troubled(wanted: JobId) -> Job | None:
        if failures and stage.audience.calls == [] and "deliver" in _task_name():
            raise failures.pop()
        return await read(wanted)

    monkeypatch.setattr(stage.store.jobs, "job", troubled)
    await stage.backend.finish(job_id)
    await stage.settled(job_id, lambda job: job.state is JobState.DELIVERING)
    while failures:
        await stage.queue.line()
    assert not stage.finished
    while not stage.audience.calls:
        await stage.clock.advance(Rules().poll_seconds)
        await stage.queue.line()
    assert (await stage.final(job_id)).state is JobState.DONE


def _task_name() -> str:
    task = asyncio.current_task()
    return "" if task is None else task.get_name()
