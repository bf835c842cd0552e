"""A job comes to exactly one ending, whatever its backend does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from generation.dispatcher import Rules
from generation.dispatcher.endings import CRASHED_TWICE
from generation.errors import (
    BackendError,
    BadReply,
    BlankOutput,
    Busy,
    InvalidParams,
    OutOfMemory,
    Rejected,
    Unavailable,
    Withheld,
    WorkerLost,
)
from generation.types import TEXT, BlobId, JobState, Output, Task
from tests.generation.stage import SCOPE, Stage, result


async def test_a_job_is_run_and_shown_with_its_pictures(stage: Stage) -> None:
    job_id = await stage.submit(count=2)
    work = await stage.backend.begun.get()
    await stage.backend.progress(job_id, 5)
    assert await stage.audience.steps.get() == 5
    await stage.backend.finish(job_id, result(b"one", b"two"))

    shown = await stage.audience.shown.get()
    assert (shown.state, shown.outcome) == (JobState.DELIVERING, JobState.DONE)
    assert [await stage.queue.picture(output.blob) for output in shown.outputs] == [b"one", b"two"]
    assert (shown.seconds, shown.backend, shown.notes) == (4.0, "staged", ("a note",))

    job = await stage.final(job_id)
    assert (job.state, job.fault, job.request.delivery) == (
        JobState.DONE,
        None,
        "channel:5/message:9",
    )
    assert work.params == job.request.params
    assert [job.id for job in stage.audience.starts] == [job_id]


async def test_a_text_is_kept_until_it_is_shown_like_a_picture(stage: Stage) -> None:
    job_id = await stage.submit(task=Task.DESCRIBE, inputs=(await stage.queue.keep(b"image"),))
    work = await stage.backend.begun.get()
    assert work.image == b"image"
    text = Output.of_text("ein Löwe im Gras")
    await stage.backend.finish(job_id, replace(result(), outputs=(text,)))
    (output,) = (await stage.final(job_id)).outputs
    assert (output.media_type, output.width, output.height) == (TEXT, 0, 0)
    assert (await stage.queue.picture(output.blob)).decode() == "ein Löwe im Gras"


async def test_input_pictures_reach_the_backend(stage: Stage) -> None:
    image, mask = await stage.queue.keep(b"image"), await stage.queue.keep(b"mask")
    await stage.submit(task=Task.INPAINT, strength=0.5, inputs=(image, mask))
    work = await stage.backend.begun.get()
    assert (work.image, work.mask) == (b"image", b"mask")


async def test_a_missing_input_picture_refuses_the_job(stage: Stage) -> None:
    image = await stage.queue.keep(b"image")
    await stage.queue.blobs.delete(image)
    job = await stage.final(await stage.submit(task=Task.IMG2IMG, inputs=(image,)))
    assert (job.state, job.fault and job.fault.code) == (JobState.REFUSED, "picture_gone")


@pytest.mark.parametrize("error", [BadReply(), Unavailable(), WorkerLost()])
async def test_a_failure_that_may_pass_is_tried_once_more(
    stage: Stage, error: BackendError
) -> None:
    job_id = await stage.submit()
    await stage.backend.begun.get()
    await stage.backend.fail(job_id, error)
    await stage.backend.begun.get()
    await stage.backend.finish(job_id)
    job = await stage.final(job_id)
    assert (job.state, job.attempts, job.fault) == (JobState.DONE, 2, None)


@pytest.mark.parametrize("error", [BadReply(), Unavailable()])
async def test_a_failure_that_stays_ends_the_job_with_its_sentence(
    stage: Stage, error: BackendError
) -> None:
    job_id = await stage.submit()
    for _ in range(2):
        await stage.backend.begun.get()
        await stage.backend.fail(job_id, error)
    job = await stage.final(job_id)
    assert (job.state, job.attempts) == (JobState.FAILED, 2)
    assert job.fault is not None
    assert job.fault.sentence == error.sentence
    assert len(stage.audience.calls) == 1


async def test_a_backend_that_is_busy_costs_a_job_no_attempt(stage: Stage) -> None:
    job_id = await stage.submit()
    for _ in range(Rules().attempts + 2):
        await stage.backend.begun.get()
        await stage.backend.fail(job_id, Busy())
    await stage.backend.begun.get()
    await stage.backend.finish(job_id)
    assert (await stage.final(job_id)).state is JobState.DONE


async def test_a_job_that_kills_the_worker_twice_is_given_up(stage: Stage) -> None:
    job_id = await stage.submit()
    for _ in range(2):
        await stage.backend.begun.get()
        await stage.backend.fail(job_id, WorkerLost())
    job = await stage.final(job_id)
    assert job.fault is not None
    assert (job.state, job.fault.sentence) == (JobState.FAILED, CRASHED_TWICE)
    other = await stage.submit()
    assert (await stage.backend.begun.get()).job_id == other


@pytest.mark.parametrize("error", [OutOfMemory(), BlankOutput(), Withheld(), Rejected()])
async def test_a_failure_that_cannot_pass_is_not_tried_again(
    stage: Stage, error: BackendError
) -> None:
    job_id = await stage.submit()
    await stage.backend.begun.get()
    await stage.backend.fail(job_id, error)
    job = await stage.final(job_id)
    assert (job.state, job.attempts, stage.backend.submissions) == (JobState.FAILED, 1, [job_id])


async def test_a_backend_that_refuses_the_options_refuses_the_job(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InvalidParams("sampler", "This model has no such sampler.")

    monkeypatch.setattr(stage.backend, "run", refuse)
    job = await stage.final(await stage.submit())
    assert job.fault is not None
    assert (job.state, job.fault.sentence) == (JobState.REFUSED, "This model has no such sampler.")


async def test_done_without_a_picture_is_no_ending_to_show(stage: Stage) -> None:
    job_id = await stage.submit()
    for _ in range(2):
        await stage.backend.begun.get()
        await stage.backend.finish(job_id, replace(result(), outputs=()))
        stage.backend.restart()
    job = await stage.final(job_id)
    assert (job.state, job.fault and job.fault.code) == (JobState.FAILED, "bad_reply")


async def test_a_fault_of_the_backends_code_ends_that_job_alone(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    with monkeypatch.context() as patch:
        patch.setattr(stage.backend, "run", broken)
        job = await stage.final(await stage.submit())
    assert job.fault is not None
    assert job.state is JobState.FAILED
    assert "secret" not in job.fault.sentence
    other = await stage.submit()
    await stage.backend.begun.get()
    await stage.backend.finish(other)
    assert (await stage.final(other)).state is JobState.DONE


async def test_an_audience_that_stumbles_over_progress_does_not_harm_the_job(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(stage.audience, "progressed", broken)
    job_id = await stage.submit()
    await stage.backend.begun.get()
    await stage.backend.progress(job_id, 1)
    await stage.backend.finish(job_id)
    assert (await stage.final(job_id)).state is JobState.DONE


async def test_a_job_that_takes_too_long_is_stopped_and_says_so(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.backend.begun.get()
    await stage.clock.asleep(Rules().job_seconds)
    await stage.clock.advance(Rules().job_seconds)
    job = await stage.final(job_id)
    assert (job.state, job.fault and job.fault.code) == (JobState.FAILED, "timed_out")
    assert stage.backend.cancelled == [job_id]


async def test_a_backend_that_does_not_stop_keeps_its_slot_until_it_is_proven_idle(
    stage: Stage,
) -> None:
    stage.backend.deaf = True
    stuck = await stage.submit()
    await stage.backend.begun.get()
    await stage.clock.asleep(Rules().job_seconds)
    await stage.clock.advance(Rules().job_seconds)
    await stage.clock.asleep(Rules().stop_seconds)
    await stage.clock.advance(Rules().stop_seconds)
    assert (await stage.final(stuck)).state is JobState.FAILED

    waiting = await stage.submit()
    await stage.clock.asleep(Rules().poll_seconds)
    await stage.clock.advance(Rules().poll_seconds)
    assert await stage.state(waiting) is JobState.QUEUED

    stage.backend.restart()
    await stage.clock.asleep(Rules().poll_seconds)
    await stage.clock.advance(Rules().poll_seconds)
    assert (await stage.backend.begun.get()).job_id == waiting


async def test_a_job_that_waited_too_long_expires(stage: Stage) -> None:
    stage.backend.slots = 0
    await stage.clock.asleep(Rules().poll_seconds)
    await stage.clock.advance(Rules().poll_seconds)
    job_id = await stage.submit(deadline=stage.clock.now() + 60)
    await stage.noticed(job_id)
    for _ in range(14):
        await stage.clock.asleep(Rules().poll_seconds)
        await stage.clock.advance(Rules().poll_seconds)
    job = await stage.final(job_id)
    assert (job.state, job.attempts, stage.backend.submissions) == (JobState.EXPIRED, 0, [])


async def test_a_wall_clock_that_jumps_expires_nobody(stage: Stage) -> None:
    first = await stage.submit()
    await stage.backend.begun.get()
    waiting = await stage.submit()
    await stage.noticed(waiting)
    stage.clock.jump(86_400)
    await stage.backend.finish(first)
    assert (await stage.backend.begun.get()).job_id == waiting


async def test_limits_lowered_while_a_job_waits_refuse_it_when_it_would_start(
    stage: Stage,
) -> None:
    first = await stage.submit()
    await stage.backend.begun.get()
    waiting = await stage.submit(steps=50)
    await stage.queue.set_limit(SCOPE, "max_steps", 30)
    await stage.backend.finish(first)
    job = await stage.final(waiting)
    assert job.fault is not None
    assert (job.state, job.attempts) == (JobState.REFUSED, 0)
    assert "50 steps are more than the limit here of 30" in job.fault.sentence
    assert stage.backend.submissions == [first]


async def test_a_result_that_cannot_be_written_down_still_ends_the_job(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_data: bytes) -> BlobId:
        raise RuntimeError("a mistake of ours")

    job_id = await stage.submit()
    await stage.backend.begun.get()
    monkeypatch.setattr(stage.queue, "keep", broken)
    await stage.backend.finish(job_id, result(b"one"))
    job = await stage.final(job_id)
    assert (job.state, job.fault and job.fault.code) == (JobState.FAILED, "internal")
