"""A state changes along the table of transitions, once, and nowhere else."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from generation.limits import Limits
from generation.store import CANCELLED, Ended, Store
from generation.store.jobs import _move
from generation.types import (
    TRANSITIONS,
    BlobId,
    Fault,
    JobId,
    JobState,
    StoredOutput,
)
from tests.generation.stage import NOW, request

PICTURE = StoredOutput(
    blob=BlobId("c" * 64),
    media_type="image/png",
    width=512,
    height=256,
    seed=2**32 - 1,
    flags=frozenset({"blank", "spoiler"}),
)
DONE = Ended(outcome=JobState.DONE, at=NOW + 9, outputs=(PICTURE,), seconds=4.5, notes=("slow",))
FORBIDDEN = [
    (old, new) for old, new in itertools.product(JobState, JobState) if new not in TRANSITIONS[old]
]


async def admitted(store: Store) -> JobId:
    wish = request()
    await store.jobs.admit(wish, defaults=Limits(max_queued=100), bound=100)
    return wish.id


async def running(store: Store) -> JobId:
    job_id = await admitted(store)
    assert await store.jobs.start(job_id, backend="one", boot_id="b", at=NOW)
    return job_id


@pytest.mark.parametrize(("old", "new"), FORBIDDEN)
async def test_no_other_change_is_possible(store: Store, old: JobState, new: JobState) -> None:
    job_id = await admitted(store)
    with pytest.raises(ValueError, match="cannot go from"):
        await store._database.transact(lambda c: _move(c, job_id, old, new, {}))


async def test_a_job_done_is_stored_with_its_pictures(store: Store) -> None:
    job_id = await running(store)
    job = await store.jobs.end(job_id, JobState.RUNNING, DONE)
    assert job is not None
    assert (job.state, job.outcome, job.outputs) == (
        JobState.DELIVERING,
        JobState.DONE,
        (PICTURE,),
    )
    assert (job.started_at, job.ended_at, job.seconds) == (NOW, NOW + 9, 4.5)
    assert (job.backend, job.notes, job.attempts) == ("one", ("slow",), 1)
    final = await store.jobs.delivered(job_id, "message:1", at=NOW)
    assert final is not None
    assert (final.state, final.request.delivery) == (JobState.DONE, "message:1")


@pytest.mark.parametrize("outcome", sorted(TRANSITIONS[JobState.DELIVERING]))
async def test_every_outcome_leads_to_its_state(store: Store, outcome: JobState) -> None:
    job_id = await admitted(store)
    await store.jobs.end(job_id, JobState.QUEUED, Ended(outcome=outcome, at=NOW, fault=CANCELLED))
    job = await store.jobs.undeliverable(job_id)
    assert job is not None
    assert (job.state, job.fault) == (outcome, CANCELLED)


async def test_of_many_claims_at_once_one_gets_the_job(store: Store) -> None:
    job_id = await admitted(store)
    claims = await asyncio.gather(
        *(store.jobs.start(job_id, backend=f"b{n}", boot_id="", at=NOW) for n in range(10))
    )
    assert sum(claim is not None for claim in claims) == 1


async def test_of_many_endings_at_once_one_is_written(store: Store) -> None:
    job_id = await running(store)
    cancelled = Ended(outcome=JobState.CANCELLED, at=NOW, fault=CANCELLED)
    endings = await asyncio.gather(
        *(store.jobs.end(job_id, JobState.RUNNING, one) for one in (DONE, cancelled, DONE))
    )
    assert [ending is not None for ending in endings].count(True) == 1


async def test_an_ending_that_comes_too_late_leaves_no_pictures(store: Store) -> None:
    job_id = await running(store)
    cancelled = Ended(outcome=JobState.CANCELLED, at=NOW, fault=CANCELLED)
    await store.jobs.end(job_id, JobState.RUNNING, cancelled)
    assert await store.jobs.end(job_id, JobState.RUNNING, DONE) is None
    job = await store.jobs.job(job_id)
    assert job is not None
    assert (job.outcome, job.outputs) == (JobState.CANCELLED, ())


async def test_a_delivery_is_closed_once(store: Store) -> None:
    job_id = await running(store)
    await store.jobs.end(job_id, JobState.RUNNING, DONE)
    assert await store.jobs.delivered(job_id, "message:1", at=NOW)
    assert await store.jobs.delivered(job_id, "message:2", at=NOW) is None
    job = await store.jobs.job(job_id)
    assert job is not None
    assert job.request.delivery == "message:1"


async def test_a_job_tried_again_keeps_its_place_and_the_reason(store: Store) -> None:
    first, second = await running(store), await admitted(store)
    fault = Fault(code="worker_lost", sentence="The image generator crashed.")
    assert await store.jobs.requeue(first, fault)
    assert [item.id for item in (await store.jobs.line()).waiting] == [first, second]
    job = await store.jobs.job(first)
    assert job is not None
    assert (job.fault, job.attempts, job.started_at) == (fault, 1, None)


async def test_a_job_to_be_cancelled_is_not_queued_again(store: Store) -> None:
    job_id = await running(store)
    await store.jobs.cancel(job_id, at=NOW)
    assert not await store.jobs.requeue(job_id, CANCELLED)
    [interrupted] = await store.jobs.interrupted()
    assert (interrupted.job.id, interrupted.boot_id, interrupted.cancel_asked) == (
        job_id,
        "b",
        True,
    )


async def test_unfinished_jobs_are_all_but_the_final_ones(store: Store) -> None:
    queued, begun, ended, final = [await running(store) for _ in range(4)]
    await store.jobs.requeue(queued, CANCELLED)
    for job_id in (ended, final):
        await store.jobs.end(job_id, JobState.RUNNING, DONE)
    await store.jobs.delivered(final, "x", at=NOW)
    assert [job.id for job in await store.jobs.unfinished()] == [queued, begun, ended]
