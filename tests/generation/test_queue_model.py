"""Any order of submissions, endings, cancels, crashes and forgettings keeps what was promised."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from generation.dispatcher import Rules
from generation.errors import (
    BackendError,
    BadReply,
    DeliveryError,
    OutOfMemory,
    OverLimit,
    UnknownJob,
    WorkerLost,
)
from generation.limits import Limits
from generation.types import Job, JobId, JobState, OwnerId, Request
from tests.generation.stage import Stage, request

T = TypeVar("T")

OWNERS = st.sampled_from(["ada", "ben", "cleo"])
LIMITS = Limits(max_queued=4, max_per_day=100_000)
ENDINGS: dict[str, type[BackendError]] = {
    "memory": OutOfMemory,
    "reply": BadReply,
    "lost": WorkerLost,
}
POLL = Rules().poll_seconds


class QueueModel(RuleBasedStateMachine):
    """The real queue, store and dispatcher, with a backend and an audience that obey the rules."""

    accepted = Bundle("accepted")

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._folder = Path(tempfile.mkdtemp(prefix="easel-model-"))
        self._requests: dict[JobId, Request] = {}
        self._forgotten: set[JobId] = set()
        self._given_up = 0
        self._crashes = 0
        self._shown: list[Job] = []

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self._runner.run(work)

    @initialize(slots=st.integers(1, 3))
    def open(self, slots: int) -> None:
        async def begin() -> Stage:
            stage = Stage(self._folder, defaults=LIMITS)
            stage.backend.slots = slots
            await stage.start()
            return stage

        self.stage = self.run(begin())

    @rule(target=accepted, owner=OWNERS, steps=st.integers(1, 50))
    def submit(self, owner: str, steps: int) -> object:
        wish = request(owner, at=self.stage.clock.now(), steps=steps)
        try:
            job = self.run(self.stage.queue.submit(wish)).job
        except OverLimit:
            assert self._unfinished_of(owner) >= LIMITS.max_queued
            return multiple()
        self._requests[job.id] = wish
        return job.id

    @rule(job_id=accepted)
    def submit_the_same_again(self, job_id: JobId) -> None:
        if job_id in self._forgotten:
            return
        ticket = self.run(self.stage.queue.submit(self._requests[job_id]))
        assert ticket.duplicate
        assert ticket.job.id == job_id

    @rule(choice=st.integers(0, 5), step=st.integers(1, 20))
    def a_job_advances(self, choice: int, step: int) -> None:
        if (job_id := self._running(choice)) is not None:
            self.run(self.stage.backend.progress(job_id, step))

    @rule(choice=st.integers(0, 5))
    def a_job_is_done(self, choice: int) -> None:
        if (job_id := self._running(choice)) is not None:
            self.run(self.stage.backend.finish(job_id))

    @rule(choice=st.integers(0, 5), how=st.sampled_from(sorted(ENDINGS)))
    def a_job_fails(self, choice: int, how: str) -> None:
        if (job_id := self._running(choice)) is not None:
            self.run(self.stage.backend.fail(job_id, ENDINGS[how]()))

    @rule(job_id=accepted)
    def a_member_cancels(self, job_id: JobId) -> None:
        async def cancel() -> None:
            # A deaf backend is no part of this, so a cancel always comes to its end.
            try:
                job = await self.stage.queue.cancel(job_id)
            except UnknownJob:
                assert job_id in self._forgotten
            else:
                assert job.state is not JobState.QUEUED

        self.run(cancel())

    @rule(looks=st.integers(0, 6))
    def time_for_others(self, looks: int) -> None:
        async def look() -> None:
            for _ in range(looks):
                await self.stage.queue.line()

        self.run(look())

    @rule()
    def a_poll_passes(self) -> None:
        self.run(self.stage.clock.advance(POLL))

    @rule(retry=st.booleans())
    def the_next_delivery_fails(self, *, retry: bool) -> None:
        self.stage.audience.troubles.append(DeliveryError(retry_after=1.0 if retry else None))
        self._given_up += not retry

    @rule(worker_too=st.booleans())
    def the_bot_crashes(self, *, worker_too: bool) -> None:
        async def crash() -> None:
            await self.stage.crash()
            if worker_too:
                self.stage.backend.restart()
            await self.stage.start()

        self.run(crash())
        self._crashes += 1

    @precondition(lambda self: bool(self._requests))
    @rule(job_id=consumes(accepted))
    def a_member_is_forgotten(self, job_id: JobId) -> None:
        owner = self._requests[job_id].owner
        self.run(self.stage.queue.forget(owner))
        self._forgotten |= {key for key, wish in self._requests.items() if wish.owner == owner}
        assert self.run(self.stage.queue.recent(OwnerId(owner))) == []

    @invariant()
    def what_was_shown_stays_true(self) -> None:
        if not hasattr(self, "stage"):
            return
        while not self.stage.audience.shown.empty():
            self._shown.append(self.stage.audience.shown.get_nowait())
        endings = {job.id: job.outcome for job in self._shown}
        assert all(job.outcome is endings[job.id] for job in self._shown), "two endings of a job"
        assert set(endings) <= set(self._requests), "an ending of a job nobody asked for"

    @invariant()
    def nobody_has_more_than_the_limit(self) -> None:
        for owner in ("ada", "ben", "cleo") if hasattr(self, "stage") else ():
            assert self._unfinished_of(owner) <= LIMITS.max_queued

    def teardown(self) -> None:
        try:
            if hasattr(self, "stage"):
                self.run(self._finish_everything())
                self.what_was_shown_stays_true()
                self._every_promise_was_kept()
                self.run(self.stage.crash())
        finally:
            self._runner.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _finish_everything(self) -> None:
        self.stage.audience.troubles.clear()
        async with asyncio.timeout(10):
            while jobs := await self.stage.store.jobs.unfinished():
                for job in jobs:
                    if job.id in (await self.stage.backend.health()).running:
                        await self.stage.backend.finish(job.id)
                await self.stage.clock.advance(POLL)

    def _every_promise_was_kept(self) -> None:
        shown = Counter(job.id for job in self._shown)
        kept = [job_id for job_id in self._requests if job_id not in self._forgotten]
        for job_id in kept:
            assert self.run(self.stage.queue.job(job_id)).state.is_final
            # A crash between showing and writing it down shows the same ending again, in place.
            assert shown[job_id] <= 1 + self._crashes
        untold = [job_id for job_id in kept if not shown[job_id]]
        assert len(untold) <= self._given_up, f"never told: {untold}"

    def _running(self, choice: int) -> JobId | None:
        running = self.run(self.stage.backend.health()).running
        return running[choice % len(running)] if running else None

    def _unfinished_of(self, owner: str) -> int:
        jobs = self.run(self.stage.queue.recent(OwnerId(owner), count=100))
        return sum(job.state in {JobState.QUEUED, JobState.RUNNING} for job in jobs)


QueueModel.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestQueueModel = QueueModel.TestCase
