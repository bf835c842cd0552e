"""The local backend with its real worker process and a tiny model, shared by all of these."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from generation.backends.base import Done, Event, Failed, Progressed, Work
from generation.backends.local import LocalBackend
from generation.errors import WorkerLost
from generation.types import new_job_id
from generation.worker.settings import LocalModel
from tests.generation.local_models import params

pytestmark = pytest.mark.asyncio(loop_scope="module")


def wish(**changes: object) -> Work:
    return Work(job_id=new_job_id(), params=params(**changes))


async def play(backend: LocalBackend, work: Work) -> list[Event]:
    return [event async for event in backend.run(work)]


async def failure(backend: LocalBackend, work: Work) -> Exception:
    last = (await play(backend, work))[-1]
    assert isinstance(last, Failed), last
    return last.error


def backend_pid(backend: LocalBackend) -> int:
    session = backend._session
    assert session is not None
    return session.process.pid


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(tiny: LocalModel) -> AsyncIterator[LocalBackend]:
    missing = LocalModel(name="gone", title="Gone", path=tiny.path / "gone")
    backend = LocalBackend("local", [missing, tiny], threads=1, preview_seconds=0.0)
    await backend.start()
    yield backend
    await backend.aclose()


async def test_a_model_without_a_folder_is_a_named_problem_and_no_more(
    backend: LocalBackend,
) -> None:
    assert [model.name for model in (await backend.capabilities()).models] == ["tiny"]
    health = await backend.health()
    assert health.ok
    assert health.resident_model == "tiny"
    assert health.problem is not None
    assert health.problem.startswith("model gone: there is no folder")


async def test_progress_counts_steps_and_carries_a_small_preview(backend: LocalBackend) -> None:
    events = await play(backend, wish(steps=40))
    progress = [event.progress for event in events if isinstance(event, Progressed)]
    assert {item.steps for item in progress} == {40}
    previews = [item.preview for item in progress if item.preview is not None]
    assert previews
    assert all(preview.startswith(b"\xff\xd8") for preview in previews)
    assert max(map(len, previews)) < 30_000


@pytest.mark.parametrize("sampler", ["Heun", "DPM2 a", "DPM++ 2M", "DDIM", "UniPC", "LCM"])
async def test_a_sampler_paints_and_ends_on_its_last_step(
    backend: LocalBackend, sampler: str
) -> None:
    events = await play(backend, wish(sampler=sampler, scheduler="Karras", steps=3))
    assert isinstance(events[-1], Done)
    steps = [event.progress.step for event in events if isinstance(event, Progressed)]
    assert max(steps) == 3


async def test_a_prompt_that_is_too_long_is_used_as_far_as_it_goes_and_said_so(
    backend: LocalBackend,
) -> None:
    last = (await play(backend, wish(prompt="word " * 200)))[-1]
    assert isinstance(last, Done)
    assert "did not see its end" in last.result.notes[0]


async def test_too_little_strength_for_one_step_raises_the_steps(backend: LocalBackend) -> None:
    source = (await play(backend, wish()))[-1]
    assert isinstance(source, Done)
    work = Work(
        job_id=new_job_id(),
        params=params(task="img2img", strength=0.1),
        image=source.result.outputs[0].data,
    )
    last = (await play(backend, work))[-1]
    assert isinstance(last, Done)
    assert "raised to 10" in last.result.notes[0]


async def test_killing_it_under_a_job_loses_that_job_only_and_a_new_one_takes_over(
    backend: LocalBackend,
) -> None:
    work = wish(steps=150)
    ended = asyncio.create_task(failure(backend, work))
    await anext(aiter(backend.run(work)))
    before, pid = (await backend.health()).boot_id, backend_pid(backend)
    os.kill(pid, signal.SIGKILL)
    assert isinstance(await ended, WorkerLost)
    assert isinstance((await play(backend, wish()))[-1], Done)
    assert backend_pid(backend) != pid
    assert (await backend.health()).boot_id != before


async def test_it_ends_when_its_parent_is_gone(backend: LocalBackend) -> None:
    session = backend._session
    assert session is not None
    session.process._stdin.close()
    assert await session.process.wait() == 0
