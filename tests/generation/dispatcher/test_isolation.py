"""A worker that dies under several jobs: each is tried again alone, and only the guilty falls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from generation.dispatcher.endings import CRASHED_TWICE
from generation.dispatcher.isolation import PATIENCE_SECONDS, Isolation, isolate
from generation.errors import BackendError, WorkerLost
from generation.line import Waiting
from generation.types import JobId, JobState, OwnerId, ScopeId
from tests.generation.stage import Stage, StagedBackend


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A backend as a test describes it."""

    name: str = "card"
    free: int = 4
    slots: int = 4
    weight: float = 1.0
    busy: bool = False
    is_alone: bool = False
    resident: str | None = None
    one_model: bool = False
    models: tuple[str, ...] = ("small",)

    def offers(self, item: Waiting) -> bool:
        return item.model in self.models

    def has_tool(self, _name: str) -> bool:
        return False

    def seconds_until_free(self) -> float | None:
        return None


def suspect(name: str, model: str = "small") -> Waiting:
    return Waiting(
        id=JobId(name),
        owner=OwnerId(name),
        scope=ScopeId("guild:1"),
        model=model,
        work=1.0,
        deadline=0.0,
        is_suspect=True,
    )


def isolated(order: Sequence[Waiting], *benches: Bench, waited: float = 0.0) -> Isolation[Bench]:
    return isolate(order, benches, waited=lambda _: waited)


def test_the_first_starts_where_nothing_runs() -> None:
    idle, busy = Bench(name="idle"), Bench(name="busy", busy=True, free=3)
    jobs = [suspect("a"), suspect("b")]
    assert isolated(jobs, busy, idle) == Isolation(start=(jobs[0], idle), kept=(idle,))


def test_where_something_runs_everywhere_the_emptiest_is_kept_until_it_is_empty() -> None:
    full, nearly = Bench(name="full", busy=True, free=0), Bench(name="nearly", busy=True, free=3)
    assert isolated([suspect("a")], full, nearly) == Isolation(kept=(nearly,))


def test_while_one_runs_alone_no_second_worker_is_taken_from_the_others() -> None:
    alone, idle = Bench(name="alone", busy=True, is_alone=True, free=0), Bench(name="idle")
    assert isolated([suspect("b")], alone, idle) == Isolation(kept=(alone,))


def test_a_worker_that_is_being_replaced_is_waited_for_but_not_for_ever() -> None:
    down, busy = Bench(name="down", slots=0, free=0), Bench(name="busy", busy=True, free=3)
    assert isolated([suspect("a")], down, busy) == Isolation()
    assert isolated([suspect("a")], down, busy, waited=PATIENCE_SECONDS) == Isolation(kept=(busy,))


def test_one_whose_model_is_nowhere_to_be_had_now_holds_up_no_other() -> None:
    idle = Bench(name="idle")
    jobs = [suspect("a", "gone"), suspect("b")]
    assert isolated(jobs, idle) == Isolation(start=(jobs[1], idle), kept=(idle,))


def test_without_any_nothing_is_kept() -> None:
    assert isolated([], Bench()) == Isolation()


@pytest.fixture
def backends() -> tuple[StagedBackend, StagedBackend]:
    return StagedBackend("one", slots=3), StagedBackend("two", slots=3, models=("large",))


@pytest.fixture
async def stage(
    tmp_path: Path, backends: tuple[StagedBackend, StagedBackend]
) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path, backends=backends)
    await stage.start()
    yield stage
    await stage.crash()


async def crashed_together(stage: Stage, backend: StagedBackend) -> list[JobId]:
    jobs = [await stage.submit(owner) for owner in ("ada", "bob", "eve")]
    for _ in jobs:
        await backend.begun.get()
    for job in jobs:
        await backend.fail(job, WorkerLost())
    return jobs


async def test_neighbours_of_a_crashing_job_are_drawn_and_it_alone_is_given_up(
    stage: Stage, backends: tuple[StagedBackend, StagedBackend]
) -> None:
    ada, bob, eve = await crashed_together(stage, backends[0])
    for job in (ada, bob, eve):
        assert (await backends[0].begun.get()).job_id == job
        assert backends[0].begun.empty(), "nothing runs beside it"
        if job == bob:
            await backends[0].fail(bob, WorkerLost())
        else:
            await backends[0].finish(job)
    assert [(await stage.final(job)).state for job in (ada, eve)] == [JobState.DONE] * 2
    given_up = await stage.final(bob)
    assert given_up.fault is not None
    assert (given_up.state, given_up.fault.sentence) == (JobState.FAILED, CRASHED_TWICE)


async def test_while_a_job_is_tried_alone_newcomers_wait_and_other_workers_go_on(
    stage: Stage, backends: tuple[StagedBackend, StagedBackend]
) -> None:
    ada, bob, eve = await crashed_together(stage, backends[0])
    assert (await backends[0].begun.get()).job_id == ada
    newcomer = await stage.submit("dan")
    await stage.noticed(newcomer)
    elsewhere = await stage.submit("dan", model="large")
    assert (await backends[1].begun.get()).job_id == elsewhere
    assert backends[0].begun.empty()
    for job, following in ((ada, bob), (bob, eve), (eve, newcomer)):
        await backends[0].finish(job)
        assert (await backends[0].begun.get()).job_id == following
    more = await stage.submit("dan")
    assert (await backends[0].begun.get()).job_id == more, "side by side again"


async def test_a_crash_beside_others_is_not_held_against_a_job_that_failed_otherwise_before(
    stage: Stage, backends: tuple[StagedBackend, StagedBackend]
) -> None:
    job = await stage.submit()
    for error in (BackendError(), WorkerLost()):
        await backends[0].begun.get()
        await backends[0].fail(job, error)
    await backends[0].begun.get()
    await backends[0].finish(job)
    assert (await stage.final(job)).state is JobState.DONE
