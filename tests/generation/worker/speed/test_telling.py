"""What the operator is told: at the start how each model is made faster, later how it went."""

from __future__ import annotations

import logging
import queue
from pathlib import Path
from typing import TypeVar

import pytest

from generation.backends.base import Done, Work
from generation.backends.local import LocalBackend
from generation.types import JobId
from generation.worker import protocol
from generation.worker.engine import Engine
from generation.worker.settings import LocalModel, Speed, WorkerSettings
from tests.generation.local_models import params
from tests.generation.worker.speed.conftest import PATIENCE, Backend

M = TypeVar("M", bound=protocol.FromWorker)

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model

MODEL = LocalModel(
    name="tiny",
    title="Tiny",
    path=Path("random:tiny-sd15"),
    speed=Speed(compile="on", attention="flash"),
)


def await_said(said: queue.SimpleQueue[protocol.FromWorker], kind: type[M]) -> M:
    while True:
        message = said.get(timeout=PATIENCE)
        if isinstance(message, kind):
            return message


def test_the_engine_tells_what_is_on_and_when_a_model_is_compiled(backend: Backend) -> None:
    said: queue.SimpleQueue[protocol.FromWorker] = queue.SimpleQueue()
    settings = WorkerSettings(models=(MODEL,), device="cpu", threads=1, slots=2)
    engine = Engine(settings, send=said.put, exit_process=lambda _: None)
    engine.start()
    ready = await_said(said, protocol.Ready)
    assert ready.notes == (
        "tiny: compile, attention native; 0.0 GiB of weights",
        "tiny: no ControlNets; controlnet_folders names folders of them",
    )
    assert ready.problems == (
        'model tiny: attention = "flash" is not used: it needs a graphics card',
    )
    backend.may_make.clear()
    for job_id in ("one", "two", "three"):
        engine.submit(Work(job_id=JobId(job_id), params=params(steps=2)))
        await_said(said, protocol.Finished)  # none waits for the compiler
    assert backend.made == 0
    backend.may_make.set()
    noted = await_said(said, protocol.Noted)
    assert noted.model == "tiny"
    assert noted.text.startswith("compiled ")
    engine.stop()


@pytest.mark.slow
async def test_a_worker_compiles_for_real_while_it_draws_and_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="generation.backends.local")
    for _ in range(2):
        backend = LocalBackend(
            "local", [MODEL], device="cpu", threads=1, slots=2, compiled=tmp_path / "compiled"
        )
        jobs = 0
        caplog.clear()
        while "detail=compiled " not in caplog.text:
            jobs += 1
            work = Work(job_id=JobId(f"job-{jobs}"), params=params(steps=4))
            events = [event async for event in backend.run(work)]
            assert isinstance(events[-1], Done)
        health = await backend.health()
        assert health.ok
        assert health.notes == ("tiny: compile, attention native",)
        assert "worker_lost" not in caplog.text
        await backend.aclose()
    assert (tmp_path / "compiled").stat().st_mode & 0o777 == 0o700
    assert any((tmp_path / "compiled").rglob("*.so"))
