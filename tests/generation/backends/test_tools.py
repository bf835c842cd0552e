"""Tools in the real worker process: beside the model that draws, and never in its way."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from PIL import Image

from generation.backends.base import Cancelled, Done, Event, Failed, Progressed, Work
from generation.backends.local import LocalBackend
from generation.errors import NothingFound
from generation.tools import tool_params
from generation.types import Task, new_job_id
from generation.worker.settings import LocalModel, LocalTool
from tests.generation.local_models import params, tiny_tools

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(
    tiny: LocalModel, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LocalBackend]:
    tools = tiny_tools(tmp_path_factory.getbasetemp())
    pickle = LocalTool(
        name="old", title="Old", task=Task.UPSCALE, path=tools[0].path.with_suffix(".pth")
    )
    blind = LocalTool(
        name="blind", title="Blind", task=Task.CUTOUT, path=tools[0].path.with_name("blind")
    )
    made = LocalBackend("local", [tiny], tools=(pickle, *tools, blind), threads=1, slots=2)
    await made.start()
    yield made
    await made.aclose()


async def wish(backend: LocalBackend, task: Task, *, side: int = 64, factor: float = 1.0) -> Work:
    tool = next(tool for tool in (await backend.capabilities()).tools if tool.task is task)
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (90, 120, 40)).save(buffer, "PNG")
    finished = round(side * factor)
    return Work(
        job_id=new_job_id(),
        params=tool_params(tool, finished, finished),
        image=buffer.getvalue(),
    )


async def play(backend: LocalBackend, work: Work) -> list[Event]:
    return [event async for event in backend.run(work)]


async def test_tools_that_can_be_used_are_offered_and_the_others_are_problems(
    backend: LocalBackend,
) -> None:
    assert [tool.name for tool in (await backend.capabilities()).tools] == [
        "sharp",
        "cutter",
        "teller",
        "blind",
    ]
    health = await backend.health()
    assert health.ok
    assert health.problem is not None
    assert "tool old: sharp.pth could run code when it is read" in health.problem


async def test_a_picture_is_enlarged_tile_by_tile_and_the_model_stays(
    backend: LocalBackend,
) -> None:
    events = await play(backend, await wish(backend, Task.UPSCALE, side=200, factor=2.5))
    steps = [event.progress for event in events if isinstance(event, Progressed)]
    assert steps
    assert {step.steps for step in steps} == {4}
    assert isinstance(events[-1], Done)
    (output,) = events[-1].result.outputs
    with Image.open(io.BytesIO(output.data)) as opened:
        assert opened.size == (500, 500)
    assert (await backend.health()).resident_model == "tiny"


async def test_a_tool_works_while_a_picture_is_drawn(backend: LocalBackend) -> None:
    drawing = aiter(backend.run(Work(job_id=new_job_id(), params=params(steps=150))))
    assert isinstance(await anext(drawing), Progressed)
    told = (await play(backend, await wish(backend, Task.DESCRIBE)))[-1]
    assert isinstance(told, Done)
    assert isinstance(await anext(drawing), Progressed)  # it was not over yet
    assert isinstance([event async for event in drawing][-1], Done)


async def test_a_cancelled_tool_stops_before_its_last_tile(backend: LocalBackend) -> None:
    work = await wish(backend, Task.UPSCALE, side=900, factor=2)
    events = aiter(backend.run(work))
    first = await anext(events)
    assert isinstance(first, Progressed)
    await backend.cancel(work.job_id)
    rest = [event async for event in events]
    assert isinstance(rest[-1], Cancelled)
    assert len(rest) < first.progress.steps - 1
    assert (await backend.health()).running == ()


async def test_a_tool_that_finds_nothing_says_so_and_is_not_tried_again(
    backend: LocalBackend,
) -> None:
    work = await wish(backend, Task.CUTOUT)
    last = (await play(backend, replace(work, params=replace(work.params, model="blind"))))[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, NothingFound)
    assert last.error.sentence == "Nothing in this picture stands out from its background."
    assert not last.error.retryable
