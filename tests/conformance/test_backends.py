"""What every backend must do, whatever is behind it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest
from PIL import Image

from generation.backends.base import (
    Backend,
    Cancelled,
    Done,
    Event,
    Failed,
    ModelInfo,
    Progressed,
    Work,
)
from generation.errors import Unavailable
from generation.infotext import parse, read_png
from generation.tools import tool_params
from generation.types import SEED_MAX, TEXT, JobId, Output, Params, Task, new_job_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

ModelSource = Callable[[], Awaitable[ModelInfo]]


def wish(offered: ModelInfo, **changes: object) -> Work:
    params = Params(
        task=Task.TXT2IMG,
        model=offered.name,
        prompt="a red circle",
        negative_prompt="",
        width=max(offered.min_side, 64),
        height=max(offered.min_side, 64),
        steps=3,
        guidance_scale=offered.guidance_scale,
        sampler=offered.sampler,
        scheduler=offered.scheduler,
        seed=11,
        count=1,
    )
    return Work(job_id=new_job_id(), params=replace(params, **changes))  # type: ignore[arg-type]


async def play(backend: Backend, work: Work, after: int = 0) -> list[Event]:
    return [event async for event in backend.run(work, after)]


async def pictures(backend: Backend, work: Work) -> tuple[Output, ...]:
    last = (await play(backend, work))[-1]
    assert isinstance(last, Done), last
    return last.result.outputs


async def first_event(backend: Backend, work: Work) -> Event:
    return await anext(aiter(backend.run(work)))


async def test_every_model_it_offers_is_described_without_contradiction(backend: Backend) -> None:
    offered = (await backend.capabilities()).models
    assert offered
    for model in offered:
        assert model.sampler in model.samplers
        assert model.scheduler in model.schedulers
        assert model.tasks
        assert model.width % model.multiple_of == 0
        assert model.height % model.multiple_of == 0
        assert model.min_side <= model.width <= model.max_side
        assert 1 <= model.steps <= model.max_steps


async def test_a_job_ends_with_pictures_and_its_events_are_in_order(
    backend: Backend, model: ModelSource
) -> None:
    events = await play(backend, wish(await model()))
    numbers = [event.sequence for event in events]
    assert numbers == sorted(set(numbers))
    assert numbers[0] >= 1
    assert all(isinstance(event, Progressed) for event in events[:-1])
    assert isinstance(events[-1], Done)
    assert events[-1].result.backend == backend.name
    steps = [event.progress.step for event in events if isinstance(event, Progressed)]
    assert steps == sorted(steps)


async def test_a_picture_has_the_asked_size_and_carries_its_settings(
    backend: Backend, model: ModelSource
) -> None:
    chosen = await model()
    work = wish(chosen, width=max(chosen.min_side, 64) + chosen.multiple_of)
    (output,) = await pictures(backend, work)
    with Image.open(io.BytesIO(output.data)) as opened:
        assert opened.size == (work.params.width, work.params.height)
        assert opened.format == "PNG"
    assert (output.width, output.height) == (work.params.width, work.params.height)
    assert output.media_type == "image/png"
    settings = parse(read_png(output.data) or "")
    assert settings.prompt == work.params.prompt
    assert settings.fields["Seed"] == str(work.params.seed)


async def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    backend: Backend, model: ModelSource
) -> None:
    chosen = await model()
    (once,) = await pictures(backend, wish(chosen, seed=1))
    (again,) = await pictures(backend, wish(chosen, seed=1))
    (other,) = await pictures(backend, wish(chosen, seed=2))
    assert once.data == again.data
    assert once.data != other.data


async def test_a_count_gives_that_many_pictures_with_seeds_that_count_on(
    backend: Backend, model: ModelSource
) -> None:
    outputs = await pictures(backend, wish(await model(), count=3, seed=SEED_MAX))
    assert [output.seed for output in outputs] == [SEED_MAX, 0, 1]
    assert len({output.data for output in outputs}) == 3


@pytest.mark.parametrize("task", [Task.IMG2IMG, Task.INPAINT])
async def test_a_picture_can_be_started_from(
    backend: Backend, model: ModelSource, task: Task
) -> None:
    chosen = await model()
    if task not in chosen.tasks:
        pytest.skip("not offered")
    size = (max(chosen.min_side, 64),) * 2
    plain = wish(chosen, task=task, strength=0.7, steps=4)
    work = replace(plain, image=_png("RGB", size, (200, 40, 40)), mask=_png("L", size, 255))
    (output,) = await pictures(backend, work)
    assert (output.width, output.height) == size


async def tool_wish(backend: Backend, task: Task) -> Work:
    """A job for the backend's tool: a picture of 48×32 with a hole, made 80 pixels wide."""
    tool = next((tool for tool in (await backend.capabilities()).tools if tool.task is task), None)
    if tool is None:
        pytest.skip("not offered")
    picture = Image.new("RGB", (48, 32), (200, 40, 40))
    picture.putalpha(Image.new("L", picture.size, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 8, 8))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    width, height = (80, 53) if task is Task.UPSCALE else picture.size
    params = tool_params(tool, width, height)
    return Work(job_id=new_job_id(), params=params, image=buffer.getvalue())


async def test_no_two_models_and_tools_have_the_same_name(backend: Backend) -> None:
    offered = await backend.capabilities()
    names = [model.name for model in offered.models] + [tool.name for tool in offered.tools]
    assert len(set(names)) == len(names)
    assert all(tool.task.is_for_tools for tool in offered.tools)
    assert not any(task.is_for_tools for model in offered.models for task in model.tasks)


@pytest.mark.parametrize("task", [Task.UPSCALE, Task.CUTOUT])
async def test_a_tool_makes_a_picture_of_the_asked_size(backend: Backend, task: Task) -> None:
    work = await tool_wish(backend, task)
    (output,) = await pictures(backend, work)
    assert output.media_type == "image/png"
    assert (output.width, output.height) == work.params.final_size
    with Image.open(io.BytesIO(output.data)) as opened:
        assert opened.size == work.params.final_size
        assert opened.format == "PNG"
        assert task is Task.UPSCALE or opened.mode == "RGBA"


async def test_a_description_is_a_text(backend: Backend) -> None:
    (output,) = await pictures(backend, await tool_wish(backend, Task.DESCRIBE))
    assert (output.media_type, output.width, output.height) == (TEXT, 0, 0)
    assert output.data.decode().strip()


@pytest.mark.parametrize("task", [task for task in Task if task.is_for_tools])
async def test_a_tool_without_its_picture_fails_and_says_so(backend: Backend, task: Task) -> None:
    work = replace(await tool_wish(backend, task), image=None)
    assert isinstance((await play(backend, work))[-1], Failed)


async def test_leaving_the_events_does_not_stop_the_job_and_joining_goes_on_where_it_was(
    backend: Backend, model: ModelSource
) -> None:
    work = wish(await model(), steps=12)
    first = await first_event(backend, work)
    rest = await play(backend, work, after=first.sequence)
    assert rest[0].sequence > first.sequence
    assert isinstance(rest[-1], Done)


async def test_two_listeners_of_one_job_see_the_same_ending(
    backend: Backend, model: ModelSource
) -> None:
    work = wish(await model())
    one, two = await asyncio.gather(play(backend, work), play(backend, work))
    assert one[-1] is two[-1]


async def test_jobs_submitted_together_all_end_with_their_own_pictures(
    backend: Backend, model: ModelSource
) -> None:
    chosen = await model()
    works = [wish(chosen, seed=seed) for seed in (100, 200, 300)]
    ended = await asyncio.gather(*(pictures(backend, work) for work in works))
    assert [outputs[0].seed for outputs in ended] == [100, 200, 300]


async def test_cancelling_stops_that_job_and_no_other(backend: Backend, model: ModelSource) -> None:
    chosen = await model()
    long, other = wish(chosen, steps=chosen.max_steps), wish(chosen)
    await first_event(backend, long)
    others = asyncio.create_task(play(backend, other))
    await backend.cancel(long.job_id)
    running = (await backend.health()).running
    assert long.job_id not in running
    assert isinstance((await play(backend, long))[-1], Cancelled)
    assert isinstance((await others)[-1], Done)


async def test_a_job_that_waits_for_its_turn_can_be_cancelled(
    backend: Backend, model: ModelSource
) -> None:
    chosen = await model()
    slots = (await backend.health()).slots
    ahead = [wish(chosen, steps=chosen.max_steps) for _ in range(slots)]
    for work in ahead:
        await first_event(backend, work)
    waiting = wish(chosen)
    listening = asyncio.create_task(play(backend, waiting))
    await asyncio.sleep(0)  # lets the listener submit
    assert waiting.job_id in (await backend.health()).running
    await asyncio.gather(*(backend.cancel(work.job_id) for work in (waiting, *ahead)))
    assert [type(event) for event in await listening] == [Cancelled]
    for work in ahead:
        await play(backend, work)


async def test_cancelling_an_unknown_job_is_no_error(backend: Backend) -> None:
    await backend.cancel(JobId("nobody"))
    assert (await backend.health()).running == ()


async def test_a_job_whose_ending_was_taken_may_be_run_anew(
    backend: Backend, model: ModelSource
) -> None:
    work = wish(await model())
    (once,) = await pictures(backend, work)
    (again,) = await pictures(backend, work)
    assert once.data == again.data


async def test_a_model_it_does_not_have_is_a_failure_by_name(
    backend: Backend, model: ModelSource
) -> None:
    last = (await play(backend, wish(await model(), model="no such model")))[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, Unavailable)


async def test_health_names_what_runs_and_keeps_its_boot_id(
    backend: Backend, model: ModelSource
) -> None:
    work = wish(await model(), steps=50)
    await first_event(backend, work)
    busy = await backend.health()
    assert busy.ok
    assert work.job_id in busy.running
    await play(backend, work)
    idle = await backend.health()
    assert idle.running == ()
    assert idle.boot_id == busy.boot_id != ""


async def test_closing_ends_what_runs_and_can_be_done_twice(
    maker: Callable[[pytest.TempPathFactory], AbstractAsyncContextManager[Backend]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with maker(tmp_path_factory) as fresh:
        model = (await fresh.capabilities()).models[0]
        work = wish(model, steps=model.max_steps)
        await first_event(fresh, work)
        await fresh.aclose()
        await fresh.aclose()
        assert isinstance((await play(fresh, work))[-1], Failed)
        with pytest.raises(Unavailable):
            await fresh.capabilities()
        assert not (await fresh.health()).ok


def _png(mode: str, size: tuple[int, int], colour: int | tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, "PNG")
    return buffer.getvalue()
