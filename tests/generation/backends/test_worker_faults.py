"""The real worker process and the real faults that befall it: the bot goes on after each."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from PIL import Image

from generation.backends.base import Done, Event, Failed, Work
from generation.backends.local import LocalBackend
from generation.backends.session import Patience
from generation.errors import BlankOutput, OutOfMemory, Withheld, WorkerLost
from generation.types import Result, new_job_id
from generation.worker.settings import LocalModel
from tests.generation.backends import faulty_worker as fault
from tests.generation.local_models import params
from tests.manual_clock import ManualClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMMAND = (sys.executable, "-m", "tests.generation.backends.faulty_worker")
PATIENCE = Patience(heartbeat=1.0, answer=5.0, silence=0.3, stop=5.0, cancel=5.0)


def wish(**changes: object) -> Work:
    return Work(job_id=new_job_id(), params=params(**changes))


async def play(backend: LocalBackend, work: Work) -> list[Event]:
    return [event async for event in backend.run(work)]


async def done(backend: LocalBackend, **changes: object) -> Result:
    last = (await play(backend, wish(**changes)))[-1]
    assert isinstance(last, Done), last
    return last.result


async def failure(backend: LocalBackend, **changes: object) -> Exception:
    last = (await play(backend, wish(**changes)))[-1]
    assert isinstance(last, Failed), last
    return last.error


def worker_of(backend: LocalBackend) -> psutil.Process:
    session = backend._session
    assert session is not None
    return psutil.Process(session.process.pid)


def brightest(picture: bytes) -> int:
    return max(Image.open(io.BytesIO(picture)).convert("RGB").tobytes())


@pytest.fixture(scope="module")
def fifo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faults") / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(
    tiny: LocalModel, strict: LocalModel, clock: ManualClock, fifo: Path
) -> AsyncIterator[LocalBackend]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(fault.FIFO, str(fifo))
        backend = LocalBackend(
            "local",
            [tiny, strict],
            precision="bfloat16",
            threads=1,
            clock=clock,
            patience=PATIENCE,
            command=COMMAND,
        )
        await backend.start()
        yield backend
        if backend._session is not None:
            backend._session.process.kill()
        await backend.aclose()


async def test_too_many_pictures_at_a_time_are_made_in_smaller_parts(backend: LocalBackend) -> None:
    result = await done(backend, width=fault.FEW_ONLY, count=3)
    assert [(output.seed, output.width) for output in result.outputs] == [
        (7, fault.FEW_ONLY),
        (8, fault.FEW_ONLY),
        (9, fault.FEW_ONLY),
    ]
    assert "Memory was short, so at most 1 were made at a time." in result.notes


async def test_a_picture_too_large_to_decode_whole_is_decoded_in_tiles(
    backend: LocalBackend,
) -> None:
    result = await done(backend, width=fault.TILES_ONLY)
    assert [output.width for output in result.outputs] == [fault.TILES_ONLY]
    assert "Memory was short, so the pictures were decoded in tiles." in result.notes


async def test_no_room_at_all_fails_that_job_and_the_next_one_is_drawn(
    backend: LocalBackend,
) -> None:
    worker = worker_of(backend)
    assert isinstance(await failure(backend, width=fault.NO_ROOM), OutOfMemory)
    await done(backend)
    assert worker_of(backend) == worker


async def test_no_room_twice_in_a_row_gets_a_new_process(backend: LocalBackend) -> None:
    worker = worker_of(backend)
    for _ in range(2):
        assert isinstance(await failure(backend, width=fault.NO_ROOM), OutOfMemory)
    await done(backend)
    assert worker_of(backend) != worker


async def test_a_vae_that_overflows_in_half_precision_gets_its_picture_in_full(
    backend: LocalBackend,
) -> None:
    (output,) = (await done(backend, width=fault.HALF_PRECISION_OVERFLOWS)).outputs
    assert brightest(output.data) > 10
    assert output.flags == frozenset()


async def test_a_denoiser_that_overflows_makes_no_picture(backend: LocalBackend) -> None:
    error = await failure(backend, width=fault.DENOISER_OVERFLOWS)
    assert isinstance(error, BlankOutput)
    assert "bfloat16" in str(error.detail)


async def test_a_black_picture_is_delivered_and_the_member_told(backend: LocalBackend) -> None:
    result = await done(backend, width=fault.BLACK)
    assert [output.flags for output in result.outputs] == [{"blank"}]
    assert brightest(result.outputs[0].data) == 0
    assert result.notes[0].startswith("A picture came out black.")


async def test_what_the_models_checker_withholds_is_said(backend: LocalBackend) -> None:
    error = await failure(backend, model="strict")
    assert isinstance(error, Withheld)
    assert "safety checker" in error.sentence
    await done(backend)


async def test_many_jobs_take_no_more_memory_than_few(backend: LocalBackend) -> None:
    async def draw(count: int) -> int:
        for seed in range(count):
            await done(backend, seed=seed, prompt=f"prompt {seed}", count=2)
        return int(worker_of(backend).memory_info().rss)

    settled = await draw(8)
    assert await draw(24) - settled < 32 * 1024**2


@pytest.mark.parametrize(
    ("width", "cause"),
    [
        (fault.DEVICE_LOST, "left: worker_lost"),
        (fault.SEGFAULT, "was killed by SIGSEGV: a fault in native code"),
        (fault.KILLED, "was killed by SIGKILL: probably because the machine ran out of memory"),
    ],
)
async def test_a_worker_that_dies_is_replaced_and_its_death_named(
    backend: LocalBackend, width: int, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    await backend.start()
    worker = worker_of(backend)
    assert isinstance(await failure(backend, width=width), WorkerLost)
    await done(backend)
    assert cause in caplog.text
    if width == fault.SEGFAULT:
        assert "faulty_worker.py" in caplog.text, "the place of the crash is in the log"
    assert worker_of(backend) != worker
    assert not psutil.pid_exists(worker.pid), "nothing of it is left"


@pytest.mark.parametrize(
    ("width", "reason"), [(fault.STANDSTILL, "no answer for 5 s"), (fault.SLEEP, "no step for ")]
)
async def test_a_worker_that_hangs_in_native_code_is_killed_and_replaced(
    backend: LocalBackend, clock: ManualClock, fifo: Path, width: int, reason: str
) -> None:
    await backend.start()
    session, worker = backend._session, worker_of(backend)
    assert session is not None
    ended = asyncio.create_task(failure(backend, width=width))
    await asyncio.to_thread(fifo.read_bytes)
    while session.kill_reason is None:
        await clock.asleep(PATIENCE.heartbeat)
        await clock.advance(PATIENCE.heartbeat)
        while width == fault.SLEEP and session.unanswered:  # noqa: ASYNC110  # nothing is set
            await asyncio.sleep(0)  # its other threads do answer
    error = await ended
    assert isinstance(error, WorkerLost)
    assert str(error.detail).startswith(reason)
    await done(backend)
    assert not psutil.pid_exists(worker.pid)
