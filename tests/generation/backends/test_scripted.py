"""The scripted backend: every step and every mishap in the caller's hands."""

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from generation.backends.base import Cancelled, Done, Event, Failed, Progressed, Work
from generation.backends.scripted import Mishap, ScriptedBackend, Twist
from generation.errors import (
    BackendError,
    BlankOutput,
    OutOfMemory,
    Unavailable,
    WorkerLost,
)
from generation.types import Task, new_job_id
from tests.generation.local_models import params
from tests.manual_clock import ManualClock


def wish(**changes: object) -> Work:
    return Work(job_id=new_job_id(), params=params(**{"model": "testcard", **changes}))


async def play(backend: ScriptedBackend, work: Work) -> list[Event]:
    return [event async for event in backend.run(work)]


async def test_nothing_moves_until_it_is_advanced() -> None:
    backend, work = ScriptedBackend(step_seconds=None), wish(steps=3)
    events = aiter(backend.run(work))
    first = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    assert not first.done()
    backend.advance()
    event = await first
    assert isinstance(event, Progressed)
    assert (event.progress.step, event.progress.steps) == (1, 3)
    backend.advance(2, work.job_id)
    *_, last = [event async for event in events]
    assert isinstance(last, Done)


async def test_it_keeps_the_pace_of_its_clock() -> None:
    clock = ManualClock()
    backend = ScriptedBackend(step_seconds=2.0, clock=clock)
    ended = asyncio.create_task(play(backend, wish(steps=2)))
    for _ in range(2):
        await clock.asleep(2.0)
        await clock.advance(2.0)
    last = (await ended)[-1]
    assert isinstance(last, Done)
    assert last.result.seconds == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("mishap", "kind"),
    [
        ("crash", WorkerLost),
        ("out_of_memory", OutOfMemory),
        ("blank", BlankOutput),
        ("error", BackendError),
    ],
)
async def test_a_planned_mishap_befalls_the_next_job_alone(
    mishap: Mishap, kind: type[BackendError]
) -> None:
    backend = ScriptedBackend(step_seconds=0.0)
    backend.plan(Twist(mishap=mishap, at_step=1))
    last = (await play(backend, wish()))[-1]
    assert isinstance(last, Failed)
    assert type(last.error) is kind
    assert isinstance((await play(backend, wish()))[-1], Done)


async def test_a_crash_takes_every_job_and_the_boot_id_along() -> None:
    backend = ScriptedBackend(slots=2, step_seconds=None)
    backend.plan(Twist(mishap="crash", at_step=1))
    works = [wish(), wish()]
    ended = [asyncio.create_task(play(backend, work)) for work in works]
    before = (await backend.health()).boot_id
    await asyncio.sleep(0)
    backend.advance(1, works[0].job_id)
    for events in await asyncio.gather(*ended):
        assert isinstance(events[-1], Failed)
    assert (await backend.health()).boot_id != before


async def test_a_hang_lasts_until_the_job_is_cancelled() -> None:
    backend, work = ScriptedBackend(step_seconds=0.0), wish()
    backend.plan(Twist(mishap="hang"))
    ended = asyncio.create_task(play(backend, work))
    await asyncio.sleep(0)
    await backend.cancel(work.job_id)
    assert [type(event) for event in await ended] == [Cancelled]


async def test_a_backend_set_down_says_so_and_comes_back() -> None:
    backend = ScriptedBackend(step_seconds=0.0)
    backend.set_down("maintenance")
    assert (await backend.health()).problem == "maintenance"
    with pytest.raises(Unavailable):
        await backend.capabilities()
    assert isinstance((await play(backend, wish()))[-1], Failed)
    backend.set_down(None)
    assert isinstance((await play(backend, wish()))[-1], Done)


async def test_a_card_started_from_a_picture_shows_that_picture() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (0, 255, 0)).save(buffer, "PNG")
    work = Work(
        job_id=new_job_id(),
        params=params(model="testcard", task=Task.IMG2IMG, strength=0.1, steps=1),
        image=buffer.getvalue(),
    )
    last = (await play(ScriptedBackend(step_seconds=0.0), work))[-1]
    assert isinstance(last, Done)
    with Image.open(io.BytesIO(last.result.outputs[0].data)) as card:
        pixel = card.getpixel((60, 60))
    assert isinstance(pixel, tuple)
    assert pixel[1] > 200
