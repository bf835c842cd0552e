"""A job is admitted once, within its limits, whoever else asks at the same moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from generation.errors import OverLimit, QueueFull, Refused
from generation.limits import Limits
from generation.store import CANCELLED, Ended, Store
from generation.types import (
    BlobId,
    Control,
    Fault,
    JobId,
    JobState,
    Lora,
    ScopeId,
    Setting,
)
from tests.generation.stage import NOW, SCOPE, request

WIDE = Limits(max_queued=100, max_per_day=100_000)
DAY = 86_400


async def test_everything_about_a_request_is_written_down(store: Store) -> None:
    wish = request(
        prompt='naïve 🖼 "quotes" \ud800',
        loras=(Lora(name="ink", weight=0.7), Lora(name="soft")),
        controls=(Control(kind="depth", weight=0.5, prepare=False),),
        options=(Setting(name="restore_faces", value=True), Setting(name="hires_steps", value=9)),
        inputs=(BlobId("b" * 64), BlobId("a" * 64)),
        parent=JobId("before"),
        weight=2.5,
    )
    admission = await store.jobs.admit(wish, defaults=WIDE, bound=10)
    assert not admission.duplicate
    assert admission.job.request == wish
    assert admission.job.state is JobState.QUEUED
    assert await store.jobs.job(wish.id) == admission.job


async def test_the_same_key_again_is_the_same_job(store: Store) -> None:
    first, again = request(dedupe_key="click"), request(dedupe_key="click", steps=50)
    await store.jobs.admit(first, defaults=WIDE, bound=10)
    admission = await store.jobs.admit(again, defaults=Limits(max_steps=30), bound=0)
    assert (admission.duplicate, admission.job.request) == (True, first)
    assert await store.jobs.job(again.id) is None


async def test_one_key_submitted_many_times_at_once_is_one_job(store: Store) -> None:
    wishes = [request(dedupe_key="click") for _ in range(20)]
    admissions = await asyncio.gather(
        *(store.jobs.admit(wish, defaults=WIDE, bound=100) for wish in wishes)
    )
    assert len({admission.job.id for admission in admissions}) == 1
    assert sum(not admission.duplicate for admission in admissions) == 1


@pytest.mark.parametrize(
    ("limits", "bound", "admitted"),
    [
        (Limits(max_queued=3), 1000, 3),
        (Limits(max_queued=100, max_per_day=7), 1000, 7),
        (WIDE, 5, 5),
    ],
    ids=["queued", "per day", "bound"],
)
async def test_a_hundred_submissions_at_once_never_pass_a_cap(
    tmp_path: Path, limits: Limits, bound: int, admitted: int
) -> None:
    # Two stores are two connections, as two processes would have.
    url = f"sqlite:///{tmp_path / 'easel.db'}"
    stores = [await Store.open(url), await Store.open(url)]
    answers = await asyncio.gather(
        *(
            stores[index % 2].jobs.admit(request(), defaults=limits, bound=bound)
            for index in range(100)
        ),
        return_exceptions=True,
    )
    refusals = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(refusal, Refused) for refusal in refusals)
    assert len(answers) - len(refusals) == admitted
    assert len((await stores[0].jobs.line()).waiting) == admitted
    for store in stores:
        await store.aclose()


async def test_a_full_queue_says_so(store: Store) -> None:
    await store.jobs.admit(request("ada"), defaults=WIDE, bound=1)
    with pytest.raises(QueueFull):
        await store.jobs.admit(request("bob"), defaults=WIDE, bound=1)


async def test_a_request_too_large_is_refused_and_not_written(store: Store) -> None:
    wish = request(width=2048)
    with pytest.raises(OverLimit, match="2048×512 is larger than the limit here of 1024"):
        await store.jobs.admit(wish, defaults=Limits(), bound=10)
    assert await store.jobs.job(wish.id) is None


async def test_one_member_of_one_server_does_not_use_up_anothers_limit(store: Store) -> None:
    one = Limits(max_queued=1)
    await store.jobs.admit(request("ada"), defaults=one, bound=10)
    await store.jobs.admit(request("bob"), defaults=one, bound=10)
    await store.jobs.admit(request("ada", scope=ScopeId("guild:2")), defaults=one, bound=10)
    with pytest.raises(OverLimit):
        await store.jobs.admit(request("ada"), defaults=one, bound=10)


async def test_a_servers_own_limits_count_over_the_defaults(store: Store) -> None:
    await store.settings.set_limit(SCOPE, "max_steps", 10, Limits())
    with pytest.raises(OverLimit):
        await store.jobs.admit(request(steps=11), defaults=Limits(), bound=10)


def ended(outcome: JobState) -> Ended:
    fault = None if outcome is JobState.DONE else Fault(code="x", sentence="x")
    return Ended(outcome=outcome, at=NOW, fault=fault)


@pytest.mark.parametrize(
    ("outcome", "started", "counts"),
    [
        (JobState.DONE, True, True),
        (JobState.CANCELLED, True, True),
        (JobState.CANCELLED, False, False),
        (JobState.FAILED, True, False),
        (JobState.REFUSED, False, False),
        (JobState.EXPIRED, False, False),
    ],
)
@pytest.mark.parametrize("shown", [False, True])
async def test_what_counts_as_one_of_the_days_pictures(
    store: Store, outcome: JobState, started: bool, counts: bool, shown: bool
) -> None:
    day = Limits(max_per_day=4)
    first = request(count=3)
    await store.jobs.admit(first, defaults=day, bound=10)
    if started:
        await store.jobs.start(first.id, backend="a", boot_id="b", at=NOW)
    expected = JobState.RUNNING if started else JobState.QUEUED
    assert await store.jobs.end(first.id, expected, ended(outcome))
    if shown:
        assert await store.jobs.delivered(first.id, "here", at=NOW)
    again = store.jobs.admit(request(count=3), defaults=day, bound=10)
    if counts:
        with pytest.raises(OverLimit, match="3 today, and 3 more would pass"):
            await again
    else:
        await again


async def test_a_cancel_after_a_crash_before_the_second_start_costs_nothing(store: Store) -> None:
    wish = request(count=3)
    await store.jobs.admit(wish, defaults=WIDE, bound=10)
    await store.jobs.start(wish.id, backend="a", boot_id="b", at=NOW)
    assert await store.jobs.requeue(wish.id, CANCELLED)
    await store.jobs.cancel(wish.id, at=NOW)
    await store.jobs.admit(request(count=3), defaults=Limits(max_per_day=3), bound=10)


async def test_a_new_utc_day_begins_at_nothing(store: Store) -> None:
    midnight = NOW - NOW % DAY
    day = Limits(max_per_day=1)
    await store.jobs.admit(request(at=midnight - 1), defaults=day, bound=10)
    await store.jobs.admit(request(at=midnight), defaults=day, bound=10)
    with pytest.raises(OverLimit):
        await store.jobs.admit(request(at=midnight + DAY - 1), defaults=day, bound=10)
