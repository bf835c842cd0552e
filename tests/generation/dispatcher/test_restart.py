"""What a crash, a stop and a lost backend leave behind, the next start goes on with."""

from __future__ import annotations

import asyncio
from pathlib import Path

from generation.dispatcher import Rules
from generation.types import JobState
from tests.generation.stage import Stage

POLL = Rules().poll_seconds


async def test_waiting_jobs_survive_a_crash_in_their_order(stage: Stage) -> None:
    running = await stage.submit()
    await stage.backend.begun.get()
    waiting = [await stage.submit() for _ in range(3)]
    await stage.crash()
    await stage.start()
    assert (await stage.backend.begun.get()).job_id == running
    await stage.backend.finish(running)
    for job_id in waiting:
        assert (await stage.backend.begun.get()).job_id == job_id
        await stage.backend.finish(job_id)
    for job_id in (running, *waiting):
        assert (await stage.final(job_id)).state is JobState.DONE
    assert sorted(stage.audience.calls) == sorted([running, *waiting])


async def test_a_job_its_backend_still_runs_is_attached_to(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.backend.begun.get()
    await stage.crash()
    await stage.start()
    await stage.backend.begun.get()
    await stage.backend.finish(job_id)
    job = await stage.final(job_id)
    assert (job.state, job.attempts, stage.backend.submissions) == (JobState.DONE, 1, [job_id])


async def test_a_job_its_backend_finished_meanwhile_is_not_made_again(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.backend.begun.get()
    await stage.crash()
    await stage.backend.finish(job_id)
    await stage.start()
    job = await stage.final(job_id)
    assert (job.state, job.attempts, stage.backend.submissions) == (JobState.DONE, 1, [job_id])


async def test_a_job_lost_with_its_backend_is_run_again_once(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.backend.begun.get()
    await stage.crash()
    stage.backend.restart()
    await stage.start()
    await stage.backend.begun.get()
    assert (await stage.queue.job(job_id)).attempts == 2
    await stage.crash()
    stage.backend.restart()
    await stage.start()
    job = await stage.final(job_id)
    assert (job.state, job.fault and job.fault.code) == (JobState.FAILED, "interrupted")
    assert stage.backend.submissions == [job_id, job_id]


async def test_a_stop_lets_what_runs_end_and_starts_nothing_more(stage: Stage) -> None:
    running = await stage.submit()
    await stage.backend.begun.get()
    waiting = await stage.submit()
    stopping = asyncio.create_task(stage.dispatcher.stop(grace=60.0))
    await stage.clock.asleep(60.0)
    await stage.backend.finish(running)
    await stopping
    assert (await stage.final(running)).state is JobState.DONE
    assert await stage.state(waiting) is JobState.QUEUED
    assert stage.audience.calls == [running]
    assert stage.backend.submissions == [running]


async def test_a_stop_leaves_what_outlasts_its_grace_to_the_next_start(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.backend.begun.get()
    stopping = asyncio.create_task(stage.dispatcher.stop(grace=60.0))
    await stage.clock.asleep(60.0)
    await stage.clock.advance(60.0)
    await stopping
    assert await stage.state(job_id) is JobState.RUNNING
    assert stage.backend.cancelled == []
    await stage.crash()
    await stage.start()
    await stage.backend.begun.get()
    await stage.backend.finish(job_id)
    assert (await stage.final(job_id)).state is JobState.DONE


async def test_stopping_when_nothing_runs_returns_at_once(stage: Stage) -> None:
    await stage.clock.asleep(POLL)
    await stage.dispatcher.stop(grace=60.0)


async def test_a_dispatcher_stopped_before_it_ran_starts_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.open()
    job_id = await stage.submit()
    await stage.dispatcher.stop(grace=60.0)
    await stage.dispatcher.run()
    await stage.dispatcher.stop(grace=60.0)
    assert await stage.state(job_id) is JobState.QUEUED
    await stage.crash()


async def test_jobs_wait_while_the_backend_is_down(stage: Stage) -> None:
    stage.backend.problem = "connection refused"
    await stage.clock.asleep(POLL)
    await stage.clock.advance(POLL)
    job_id = await stage.submit()
    await stage.noticed(job_id)
    assert await stage.state(job_id) is JobState.QUEUED
    stage.backend.problem = None
    await stage.clock.asleep(POLL)
    await stage.clock.advance(POLL)
    assert (await stage.backend.begun.get()).job_id == job_id


async def test_a_cancelled_run_leaves_no_task_behind(stage: Stage) -> None:
    await stage.submit()
    await stage.backend.begun.get()
    before = {task for task in asyncio.all_tasks() if task.get_name().startswith("job ")}
    assert len(before) == 1
    await stage.crash()
    assert {
        task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()
    } == set()
    await stage.open()
