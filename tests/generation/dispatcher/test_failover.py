"""Several backends with one model: each wish goes where it can be had, and on when one is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from generation.backends.base import Capabilities
from generation.errors import BadReply, Unavailable
from generation.types import JobState, Lora
from tests.generation.stage import Stage, StagedBackend, model_info


class Dressed(StagedBackend):
    """One whose model is as a test describes it."""

    def __init__(self, name: str, **traits: object) -> None:
        super().__init__(name)
        self.traits = traits

    async def capabilities(self) -> Capabilities:
        await super().capabilities()
        return Capabilities(models=(replace(model_info("small"), **self.traits),))  # type: ignore[arg-type]


@pytest.fixture
def one() -> Dressed:
    return Dressed("one", samplers=("euler", "heun"))


@pytest.fixture
def two() -> Dressed:
    return Dressed("two", samplers=("euler", "ddim"), max_steps=30)


@pytest.fixture
async def stage(tmp_path: Path, one: Dressed, two: Dressed) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path, backends=(one, two))
    await stage.start()
    yield stage
    await stage.crash()


async def test_a_job_goes_to_the_backend_that_can_do_all_of_it(
    stage: Stage, one: Dressed, two: Dressed
) -> None:
    ddim, many = await stage.submit(sampler="ddim"), await stage.submit(steps=50)
    assert (await two.begun.get()).job_id == ddim
    assert (await one.begun.get()).job_id == many


async def test_a_job_waits_for_the_only_backend_that_can_do_it(
    stage: Stage, one: Dressed, two: Dressed
) -> None:
    first, second = await stage.submit(sampler="ddim"), await stage.submit(sampler="ddim")
    await two.begun.get()
    third = await stage.submit(sampler="heun")
    assert (await one.begun.get()).job_id == third
    assert await stage.state(second) is JobState.QUEUED
    await two.finish(first)
    assert (await two.begun.get()).job_id == second
    assert one.submissions == [third]


async def test_what_nobody_can_do_any_more_fails_with_a_sentence(stage: Stage) -> None:
    job = await stage.final(await stage.submit(loras=(Lora(name="gone"),)))
    assert job.state is JobState.FAILED
    assert job.fault is not None
    assert job.fault.sentence == (
        "No generator here can do all of this request any more. Please change its settings."
    )


async def test_a_job_on_a_lost_backend_goes_to_another(
    stage: Stage, one: Dressed, two: Dressed
) -> None:
    job_id = await stage.submit()
    await one.begun.get()
    one.problem = "the machine is off"
    await one.fail(job_id, Unavailable(detail="gone"))
    assert (await two.begun.get()).job_id == job_id
    await two.finish(job_id)
    job = await stage.final(job_id)
    assert (job.state, job.attempts, job.backend) == (JobState.DONE, 2, "two")


async def test_a_job_avoids_the_backend_that_failed_it_although_that_says_it_is_well(
    stage: Stage, one: Dressed, two: Dressed
) -> None:
    job_id = await stage.submit()
    await one.begun.get()
    await one.fail(job_id, BadReply())
    assert (await two.begun.get()).job_id == job_id


async def test_a_job_that_no_other_can_do_goes_back_to_the_one_that_failed_it(
    stage: Stage, two: Dressed
) -> None:
    job_id = await stage.submit(sampler="ddim")
    await two.begun.get()
    await two.fail(job_id, BadReply())
    assert (await two.begun.get()).job_id == job_id


async def test_a_backend_that_fails_job_after_job_gets_none_for_a_while(
    stage: Stage, one: Dressed, two: Dressed
) -> None:
    two.problem = "switched off"
    await stage.clock.asleep(5.0)
    await stage.clock.advance(5.0)
    first = await stage.submit(steps=50)
    for _ in range(2):
        await one.begun.get()
        await one.fail(first, BadReply())
    assert (await stage.final(first)).state is JobState.FAILED
    second = await stage.submit(steps=50)
    await one.begun.get()
    await one.fail(second, BadReply())  # the third in a row
    await stage.settled(second, lambda job: job.state is JobState.QUEUED)
    await stage.clock.advance(25.0)
    assert one.begun.empty()
    await stage.clock.advance(10.0)
    assert (await one.begun.get()).job_id == second
