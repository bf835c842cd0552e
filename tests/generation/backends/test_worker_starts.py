"""Workers that cannot start: the cause and its remedy are named, and it is tried again later."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from generation.backends.base import Done, Failed, Work
from generation.backends.local import LocalBackend
from generation.backends.session import Patience
from generation.errors import Unavailable
from generation.types import new_job_id
from generation.worker.settings import LocalModel
from tests.generation.local_models import params
from tests.manual_clock import ManualClock

PATIENCE = Patience()

Maker = Callable[..., LocalBackend]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def make(clock: ManualClock) -> AsyncIterator[Maker]:
    made: list[LocalBackend] = []

    def build(model: LocalModel, *faults: str) -> LocalBackend:
        command = (sys.executable, "-m", "tests.generation.backends.faulty_worker", *faults)
        backend = LocalBackend(
            "local", [model], device="cpu", threads=1, slots=1, clock=clock, command=command
        )
        made.append(backend)
        return backend

    yield build
    for backend in made:
        if backend._session is not None:
            backend._session.process.kill()
        await backend.aclose()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("no-torch", ["torch is not installed", "-m pip install torch"]),
        ("no-room", ["there is not enough memory for it", 'precision = "float16"', "20.00 GiB"]),
        ("killed", ["killed by SIGKILL", "probably because the machine ran out of memory"]),
    ],
)
async def test_the_cause_is_named_and_what_to_do(
    make: Maker, tiny: LocalModel, fault: str, words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    backend = make(tiny, fault)
    with pytest.raises(Unavailable) as raised:
        await backend.start()
    for said in (str(raised.value.detail), str((await backend.health()).problem), caplog.text):
        assert [word for word in words if word not in said] == []


async def test_a_model_that_is_mended_is_used_without_starting_the_bot_again(
    make: Maker,
    tiny: LocalModel,
    clock: ManualClock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = shutil.copytree(tiny.path, tmp_path / "model")
    (weights,) = (folder / "unet").glob("*.safetensors")
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    backend = make(replace(tiny, path=folder))
    work = Work(job_id=new_job_id(), params=params())
    with pytest.raises(Unavailable, match="cut short; download it again"):
        await backend.start()
    (failed,) = [event async for event in backend.run(work)]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, Unavailable)

    weights.write_bytes(whole)
    await clock.advance(PATIENCE.retry_start)
    assert [model.name for model in (await backend.capabilities()).models] == ["tiny"]
    *_, last = [event async for event in backend.run(work)]
    assert isinstance(last, Done)
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1, "said once, however often it is asked for"
