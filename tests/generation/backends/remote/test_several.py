"""Several engines on loopback behind one dispatcher: shared, and carried on when one is lost."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from generation.backends.a1111.backend import A1111Backend
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience
from generation.backends.remote.wire import Deadlines
from generation.catalog import Catalog
from generation.prompt import Draft
from generation.types import JobId, JobState, Task
from tests.generation.stage import Stage
from tests.servers.a1111 import A1111Twin


class Fleet:
    """Two web UIs with the same checkpoints, a stage in front of them, and one to switch off."""

    def __init__(self, folder: Path) -> None:
        self.twins = A1111Twin(), A1111Twin()
        self.power = AsyncExitStack(), AsyncExitStack()
        self.catalog = Catalog()
        self._folder = folder

    async def start(self) -> None:
        self.backends = tuple(
            [
                A1111Backend(
                    name,
                    Server.at(await power.enter_async_context(twin.running())),
                    patience=Patience(cancel=1.0, leave=0.1),
                    deadlines=Deadlines(connect=1.0, silence=2.0, total=4.0),
                )
                for name, twin, power in zip(("one", "two"), self.twins, self.power, strict=True)
            ]
        )
        self.stage = Stage(self._folder, backends=self.backends)
        await self.stage.start()
        await self.catalog.refresh(self.backends)

    async def stop(self) -> None:
        await self.stage.crash()
        for twin in self.twins:
            twin.engine.release()
        for backend in self.backends:
            await backend.aclose()
        for power in self.power:
            await power.aclose()

    async def submit(self, text: str = "a fox", **wishes: object) -> JobId:
        draft = Draft(prompt=text, steps=3, seed=1, width=64, height=64, **wishes)  # type: ignore[arg-type]
        params = self.catalog.resolve(draft, task=Task.TXT2IMG)
        changes = {name: getattr(params, name) for name in params.__slots__}
        return await self.stage.submit(text, **changes)


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(tmp_path)
    await fleet.start()
    yield fleet
    await fleet.stop()


async def test_one_model_on_two_engines_is_one_to_members(fleet: Fleet) -> None:
    names = [model.name for model in fleet.catalog.models]
    assert len(names) == len(set(names))
    assert fleet.catalog.backends_of(names[0]) == ("one", "two")


async def test_both_draw_at_the_same_time(fleet: Fleet) -> None:
    for twin in fleet.twins:
        twin.engine.hold()
    jobs = [await fleet.submit("a fox"), await fleet.submit("a hare")]
    for twin in fleet.twins:
        await twin.engine.until(lambda twin=twin: twin.engine.now is not None)  # type: ignore[misc]
        twin.engine.release()
    done = [await fleet.stage.final(job) for job in jobs]
    assert {job.backend for job in done} == {"one", "two"}


async def test_a_job_on_an_engine_that_is_switched_off_is_done_by_the_other(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    lost, other = fleet.twins
    lost.engine.hold()
    with caplog.at_level(logging.INFO, logger="generation.dispatcher"):
        job_id = await fleet.submit()
        await lost.engine.until(lambda: lost.engine.now is not None)
        await fleet.power[0].aclose()
        job = await fleet.stage.final(job_id)
    assert (job.state, job.attempts, job.backend) == (JobState.DONE, 2, "two")
    assert len(other.engine.began) == 1
    told = [record.getMessage() for record in caplog.records]
    assert len([line for line in told if line.startswith("backend.down backend=one")]) == 1
