"""Cancelling stops that job and no other, and leaves exactly one ending."""

from __future__ import annotations

import asyncio

import pytest

from generation.backends.base import Cancelled, Work
from generation.dispatcher import Rules
from generation.errors import BadReply, UnknownJob
from generation.types import JobId, JobState
from tests.generation.stage import Stage


async def test_a_queued_job_is_cancelled_at_once_and_never_runs(stage: Stage) -> None:
    running = await stage.submit()
    await stage.backend.begun.get()
    waiting = await stage.submit()
    cancelled = await stage.queue.cancel(waiting)
    assert (cancelled.state, cancelled.outcome) == (JobState.DELIVERING, JobState.CANCELLED)
    assert (await stage.audience.shown.get()).id == waiting
    await stage.backend.finish(running)
    await stage.final(running)
    assert stage.backend.submissions == [running]
    assert stage.backend.cancelled == []


async def test_a_running_job_is_stopped_at_its_backend(stage: Stage) -> None:
    stage.backend.slots = 2
    await stage.clock.asleep(Rules().poll_seconds)
    await stage.clock.advance(Rules().poll_seconds)
    jobs = [await stage.submit(), await stage.submit()]
    for _ in jobs:
        await stage.backend.begun.get()
    job = await stage.queue.cancel(jobs[0])
    assert job.outcome is JobState.CANCELLED
    assert stage.backend.cancelled == [jobs[0]]
    await stage.backend.finish(jobs[1])
    assert (await stage.final(jobs[1])).state is JobState.DONE
    assert (await stage.final(jobs[0])).state is JobState.CANCELLED
    assert sorted(stage.audience.calls) == sorted(jobs)


async def test_a_job_that_is_done_before_it_can_be_stopped_keeps_its_pictures(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_late(job_id: JobId) -> None:
        await stage.backend.finish(job_id)

    monkeypatch.setattr(stage.backend, "cancel", too_late)
    job_id = await stage.submit()
    await stage.backend.begun.get()
    job = await stage.queue.cancel(job_id)
    assert job.outcome is JobState.DONE
    assert len((await stage.final(job_id)).outputs) == 1
    assert stage.audience.calls == [job_id]


async def test_a_finished_job_stays_as_it_is(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.backend.begun.get()
    await stage.backend.finish(job_id)
    done = await stage.final(job_id)
    assert await stage.queue.cancel(job_id) == done


async def test_an_unknown_job_cannot_be_cancelled(stage: Stage) -> None:
    with pytest.raises(UnknownJob):
        await stage.queue.cancel(JobId("nobody"))


async def test_a_job_cancelled_as_it_fails_is_not_tried_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(job_id: JobId) -> None:
        await stage.backend.fail(job_id, BadReply())

    monkeypatch.setattr(stage.backend, "cancel", fails)
    job_id = await stage.submit()
    await stage.backend.begun.get()
    assert (await stage.queue.cancel(job_id)).outcome is JobState.CANCELLED
    assert stage.backend.submissions == [job_id]


async def test_two_people_cancelling_at_once_see_one_ending(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.backend.begun.get()
    both = await asyncio.gather(stage.queue.cancel(job_id), stage.queue.cancel(job_id))
    assert {job.outcome for job in both} == {JobState.CANCELLED}
    await stage.final(job_id)
    assert stage.audience.calls == [job_id]


@pytest.mark.parametrize("turns", range(0, 60, 6))
async def test_cancelling_at_any_moment_leaves_one_ending(stage: Stage, turns: int) -> None:
    job_id = await stage.submit()
    for _ in range(turns):
        await asyncio.sleep(0)
    cancelling = asyncio.create_task(stage.queue.cancel(job_id))
    if turns % 4 == 0 and job_id in stage.backend.submissions:
        await stage.backend.finish(job_id)
    job = await cancelling
    assert job.outcome in {JobState.CANCELLED, JobState.DONE}
    final = await stage.final(job_id)
    assert final.state is job.outcome
    assert stage.audience.calls == [job_id]


async def test_a_cancel_that_overtakes_the_submission_is_repeated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = asyncio.Semaphore(0)

    async def knows_nothing_yet(_: JobId) -> None:
        calls.release()

    with monkeypatch.context() as patch:
        patch.setattr(stage.backend, "cancel", knows_nothing_yet)
        job_id = await stage.submit()
        await stage.backend.begun.get()
        cancelling = asyncio.create_task(stage.queue.cancel(job_id))
        await calls.acquire()
        assert not cancelling.done()
    await stage.clock.asleep(2.0)
    await stage.clock.advance(2.0)
    assert (await cancelling).outcome is JobState.CANCELLED
    assert stage.backend.cancelled == [job_id]


async def test_a_cancel_survives_a_crash(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.backend.begun.get()
    # The row is marked, but the process dies before the backend is told.
    await stage.store.jobs.cancel(job_id, at=stage.clock.now())
    await stage.crash()
    await stage.start()
    assert (await stage.final(job_id)).state is JobState.CANCELLED
    assert stage.backend.cancelled == [job_id]
    assert stage.backend.submissions == [job_id]


async def test_a_cancel_survives_a_crash_of_bot_and_backend(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.backend.begun.get()
    await stage.store.jobs.cancel(job_id, at=stage.clock.now())
    await stage.crash()
    stage.backend.restart()
    await stage.start()
    assert (await stage.final(job_id)).state is JobState.CANCELLED
    assert stage.backend.submissions == [job_id]


async def test_a_backend_that_stops_a_job_by_itself_cancels_it(stage: Stage) -> None:
    job_id = await stage.submit()
    work: Work = await stage.backend.begun.get()
    await stage.backend.emit(work.job_id, Cancelled(sequence=1))
    assert (await stage.final(job_id)).state is JobState.CANCELLED
