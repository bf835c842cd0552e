"""The queue as the bot uses it, with nobody running the jobs."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from generation.blobs import Blobs
from generation.errors import (
    Closing,
    InvalidParams,
    OverLimit,
    PictureGone,
    StorageError,
    UnknownJob,
)
from generation.limits import Limits
from generation.line import Place
from generation.store import Ended, Line
from generation.types import BlobId, JobId, JobState, OwnerId, StoredOutput
from tests.generation.stage import NOW, SCOPE, Stage, request

GONE = JobId("nobody")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose dispatcher does not run."""
    stage = Stage(tmp_path)
    await stage.open()
    yield stage
    await stage.crash()


async def run_for(stage: Stage, job_id: JobId, seconds: float) -> None:
    """Have a job done by nobody in particular."""
    jobs = stage.store.jobs
    await jobs.start(job_id, backend="one", boot_id="", at=NOW)
    await jobs.end(job_id, JobState.RUNNING, Ended(outcome=JobState.DONE, at=NOW, seconds=seconds))


async def test_the_first_in_an_empty_queue_starts_now(stage: Stage) -> None:
    ticket = await stage.queue.submit(request())
    assert (ticket.place, ticket.duplicate) == (Place(ahead=0, eta_seconds=0.0), False)


async def test_submitting_wakes_the_dispatcher(stage: Stage) -> None:
    assert not stage.queue.changed.is_set()
    await stage.queue.submit(request())
    assert stage.queue.changed.is_set()


async def test_a_ticket_tells_place_and_time_from_measured_speed(stage: Stage) -> None:
    await run_for(stage, await stage.submit(steps=20), 4.0)
    await stage.submit("bob", steps=40)
    place = (await stage.queue.submit(request("eve", steps=10))).place
    assert place.ahead == 1
    assert place.eta_seconds == pytest.approx(8.0)


async def test_without_a_measurement_no_time_is_told(stage: Stage) -> None:
    await stage.submit("bob")
    assert (await stage.queue.submit(request("eve"))).place == Place(ahead=1, eta_seconds=None)


async def test_a_place_is_the_fair_one_and_not_that_of_arrival(stage: Stage) -> None:
    mine = [await stage.submit("greedy") for _ in range(3)]
    theirs = await stage.submit("modest")
    places = [await stage.queue.place(job_id) for job_id in (*mine, theirs)]
    assert [place.ahead for place in places if place] == [0, 2, 3, 1]


async def test_a_job_that_waits_no_more_has_no_place(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.queue.cancel(job_id)
    assert await stage.queue.place(job_id) is None
    assert await stage.queue.place(GONE) is None


async def test_submitting_twice_is_harmless(stage: Stage) -> None:
    first = await stage.queue.submit(request(dedupe_key="click"))
    again = await stage.queue.submit(request(dedupe_key="click"))
    assert (again.job, again.duplicate) == (first.job, True)


async def test_what_leads_nowhere_says_so(stage: Stage) -> None:
    for asking in (
        stage.queue.job(GONE),
        stage.queue.cancel(GONE),
        stage.queue.discard(GONE),
        stage.queue.set_delivery(GONE, "x"),
    ):
        with pytest.raises(UnknownJob):
            await asking


async def test_cancelling_without_a_dispatcher_ends_a_queued_job(stage: Stage) -> None:
    job = await stage.queue.cancel(await stage.submit())
    assert (job.state, job.outcome) == (JobState.DELIVERING, JobState.CANCELLED)
    assert job.fault is not None


async def test_the_delivery_address_can_change_while_a_job_waits(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.queue.set_delivery(job_id, "channel:5/message:6")
    assert (await stage.queue.job(job_id)).request.delivery == "channel:5/message:6"


async def test_limits_are_the_defaults_until_set_and_must_be_sensible(stage: Stage) -> None:
    assert await stage.queue.limits(SCOPE) == Limits()
    await stage.queue.set_limit(SCOPE, "max_steps", 10)
    assert await stage.queue.limits(SCOPE) == Limits(max_steps=10)
    with pytest.raises(OverLimit):
        await stage.submit(steps=11)
    with pytest.raises(InvalidParams):
        await stage.queue.set_limit(SCOPE, "max_steps", 0)
    assert await stage.queue.limits(SCOPE) == Limits(max_steps=10)


async def test_recent_jobs_are_the_owners_own_the_latest_first(stage: Stage) -> None:
    mine = [await stage.submit("ada") for _ in range(3)]
    await stage.submit("bob")
    recent = await stage.queue.recent(OwnerId("ada"), count=2)
    assert [job.id for job in recent] == [mine[2], mine[1]]


async def done_with(stage: Stage, blob: BlobId, owner: str = "ada") -> JobId:
    job_id = await stage.submit(owner)
    output = StoredOutput(blob=blob, media_type="image/png", width=8, height=8, seed=1)
    ended = Ended(outcome=JobState.DONE, at=NOW, outputs=(output,))
    await stage.store.jobs.end(job_id, JobState.QUEUED, ended)
    return job_id


async def test_discarding_forgets_the_pictures_and_keeps_the_settings(stage: Stage) -> None:
    blob = await stage.queue.keep(b"picture")
    job_id = await done_with(stage, blob)
    await stage.queue.discard(job_id)
    with pytest.raises(PictureGone):
        await stage.queue.picture(blob)
    job = await stage.queue.job(job_id)
    assert (job.outputs, job.request.params.prompt) == ((), "a lighthouse at dusk")


async def test_a_picture_another_job_uses_outlives_discarding_and_dropping(stage: Stage) -> None:
    blob = await stage.queue.keep(b"picture")
    job_id = await done_with(stage, blob)
    await stage.submit(inputs=(blob,))
    await stage.queue.discard(job_id)
    await stage.queue.drop(blob)
    assert await stage.queue.picture(blob) == b"picture"


async def test_a_picture_kept_for_a_request_that_was_refused_can_be_dropped(stage: Stage) -> None:
    blob = await stage.queue.keep(b"upload")
    await stage.queue.drop(blob)
    with pytest.raises(PictureGone):
        await stage.queue.picture(blob)


async def test_forgetting_a_person_deletes_jobs_and_pictures_of_theirs_alone(stage: Stage) -> None:
    mine, theirs = await stage.queue.keep(b"mine"), await stage.queue.keep(b"theirs")
    gone = await done_with(stage, mine, "ada")
    stays = await done_with(stage, theirs, "bob")
    assert await stage.queue.forget(OwnerId("ada")) == 1
    with pytest.raises(UnknownJob):
        await stage.queue.job(gone)
    with pytest.raises(PictureGone):
        await stage.queue.picture(mine)
    assert (await stage.queue.job(stays)).outputs[0].blob == theirs
    assert await stage.queue.picture(theirs) == b"theirs"


async def test_old_jobs_are_forgotten_with_their_pictures_once_they_are_final(
    stage: Stage,
) -> None:
    jobs = {}
    for name, ended_at in (("old", NOW - 1), ("unseen", NOW - 1), ("new", NOW)):
        blob = await stage.queue.keep(name.encode())
        output = StoredOutput(blob=blob, media_type="image/png", width=8, height=8, seed=1)
        jobs[name] = await stage.submit()
        ended = Ended(outcome=JobState.DONE, at=ended_at, outputs=(output,))
        await stage.store.jobs.end(jobs[name], JobState.QUEUED, ended)
        if name != "unseen":
            await stage.store.jobs.delivered(jobs[name], "message:1", at=NOW)
    old = (await stage.queue.job(jobs["old"])).outputs[0].blob
    waiting = await stage.submit()

    assert await stage.queue.forget_ended_before(NOW) == 1

    with pytest.raises(UnknownJob):
        await stage.queue.job(jobs["old"])
    with pytest.raises(PictureGone):
        await stage.queue.picture(old)
    for name in ("unseen", "new"):
        job = await stage.queue.job(jobs[name])
        assert await stage.queue.picture(job.outputs[0].blob) == name.encode()
    assert await stage.state(waiting) is JobState.QUEUED


async def test_however_many_old_jobs_there_are_all_are_forgotten(stage: Stage) -> None:
    for _ in range(3):
        await stage.queue.cancel(job_id := await stage.submit())
        await stage.store.jobs.undeliverable(job_id)
    assert (await stage.store.forget_ended_before(NOW + 1, most=2)).jobs == 2
    assert await stage.queue.forget_ended_before(NOW + 1) == 1


async def test_a_queue_that_closes_refuses_with_a_sentence_and_keeps_what_it_has(
    stage: Stage,
) -> None:
    job_id = await stage.submit()
    stage.queue.close()
    with pytest.raises(Closing, match="restarted"):
        await stage.submit("ben")
    assert await stage.state(job_id) is JobState.QUEUED


async def test_a_full_disk_refuses_before_anything_is_written(stage: Stage, tmp_path: Path) -> None:
    stage.queue.blobs = Blobs(tmp_path, reserve=sys.maxsize)
    with pytest.raises(StorageError, match="disk is full"):
        await stage.submit()
    assert await stage.queue.recent(OwnerId("ada")) == []


async def test_pictures_that_a_crash_left_without_a_job_are_dropped(stage: Stage) -> None:
    await stage.queue.submit(request(at=NOW - 1000))
    used, stray, fresh, older = [await stage.queue.keep(name) for name in PICTURES]
    await stage.submit("ben", inputs=(used,))
    root = stage.queue.blobs
    for blob, age in ((used, 500), (stray, 500), (fresh, 10), (older, 5000)):
        os.utime(root._path(blob), (NOW - age, NOW - age))
    assert await stage.queue.drop_strays(NOW - 100) == 1
    with pytest.raises(PictureGone):
        await stage.queue.picture(stray)
    for blob in (used, fresh, older):
        await stage.queue.picture(blob)


async def test_a_fresh_database_drops_no_pictures_of_one_that_was_moved_away(stage: Stage) -> None:
    blob = await stage.queue.keep(b"picture")
    assert await stage.queue.drop_strays(NOW + 10**9) == 0
    assert await stage.queue.picture(blob) == b"picture"


async def test_a_hundred_who_look_at_their_place_read_the_queue_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [await stage.submit(f"member {number}") for number in range(3)]
    reads, read = [], stage.store.jobs.line

    async def counted() -> Line:
        reads.append(1)
        return await read()

    monkeypatch.setattr(stage.store.jobs, "line", counted)
    places = await asyncio.gather(*(stage.queue.recent_place(job) for job in jobs * 33))
    assert len(reads) == 1
    assert [place.ahead for place in places[:3] if place is not None] == [0, 1, 2]
    await stage.clock.advance(5)
    await stage.queue.recent_place(jobs[0])
    assert len(reads) == 2


PICTURES = (b"used", b"stray", b"fresh", b"older")
