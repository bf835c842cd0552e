"""The engine in this process: what it sends, and when it asks to be replaced."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
import torch

from generation.backends.base import Work
from generation.types import JobId
from generation.worker import engine as engine_module, protocol
from generation.worker.engine import Engine
from generation.worker.settings import LocalModel, WorkerSettings
from tests.generation.local_models import params

M = TypeVar("M", bound=protocol.FromWorker)

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model


class Running:
    """An engine and what it has said. ``status`` is set once it wants the process to end."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.said: queue.SimpleQueue[protocol.FromWorker] = queue.SimpleQueue()
        self.status: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.engine = Engine(settings, send=self.said.put, exit_process=self.status.put)
        self.engine.start()

    def until(self, kind: type[M]) -> M:
        while True:
            message = self.said.get(timeout=120)
            if isinstance(message, kind):
                return message

    def submit(self, job_id: str, **changes: object) -> None:
        self.engine.submit(Work(job_id=JobId(job_id), params=params(**changes)))


@pytest.fixture
def running(settings: WorkerSettings) -> Iterator[Running]:
    running = Running(settings)
    running.until(protocol.Ready)
    yield running
    running.engine.stop()


def raising(error: Exception) -> Callable[..., object]:
    def paint(*_: object, **__: object) -> object:
        raise error

    return paint


def test_a_job_is_finished_and_the_engine_is_silent_no_longer(running: Running) -> None:
    running.submit("a", count=2)
    finished = running.until(protocol.Finished)
    assert finished.job_id == "a"
    assert [output.seed for output in finished.result.outputs] == [7, 8]
    running.submit("b")
    running.until(protocol.Finished)
    assert running.engine.silent_seconds() == 0.0


def test_a_waiting_job_can_be_cancelled(running: Running) -> None:
    running.submit("long", steps=100)
    running.submit("waiting")
    running.until(protocol.Advanced)
    running.engine.cancel(JobId("waiting"))
    running.engine.cancel(JobId("long"))
    assert running.until(protocol.Stopped).job_id == "long"
    assert running.until(protocol.Stopped).job_id == "waiting"


def test_an_unforeseen_error_fails_the_job_and_not_the_engine(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(engine_module, "paint", raising(ZeroDivisionError("by nothing")))
        running.submit("bad")
        fell = running.until(protocol.Fell)
    assert fell.code == "backend_error"
    assert fell.detail == "ZeroDivisionError: by nothing"
    assert "Zero" not in fell.sentence
    running.submit("good")
    running.until(protocol.Finished)


def test_a_lost_device_asks_for_a_new_process(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = torch.AcceleratorError("CUDA error: device-side assert triggered")
    monkeypatch.setattr(engine_module, "paint", raising(error))
    running.submit("bad")
    assert running.until(protocol.Leaving).reason == "worker_lost"
    assert running.until(protocol.Fell).code == "worker_lost"
    assert running.status.get(timeout=60) == protocol.EXIT_DEVICE_LOST


def test_running_out_of_memory_twice_in_a_row_asks_for_a_new_process(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(engine_module, "paint", raising(torch.OutOfMemoryError("no room")))
        running.submit("one")
        assert running.until(protocol.Fell).code == "out_of_memory"
    running.submit("good")
    running.until(protocol.Finished)
    monkeypatch.setattr(engine_module, "paint", raising(torch.OutOfMemoryError("no room")))
    running.submit("two")
    running.until(protocol.Fell)
    assert running.status.empty()
    running.submit("three")
    running.until(protocol.Leaving)
    assert running.status.get(timeout=60) == protocol.EXIT_MEMORY


@pytest.mark.parametrize("fault", ["folder", "class", "weights", "corrupt", "sampler"])
def test_a_model_that_cannot_be_used_is_named(
    tiny: LocalModel, settings: WorkerSettings, tmp_path: Path, fault: str
) -> None:
    broken = replace(tiny, name="broken", path=spoiled(tiny.path, tmp_path / "copy", fault))
    if fault == "sampler":
        broken = replace(broken, sampler="Magic")
    running = Running(replace(settings, models=(broken, tiny)))
    ready = running.until(protocol.Ready)
    assert [model.name for model in ready.models] == ["tiny"]
    assert len(ready.problems) == 1
    assert ready.problems[0].startswith("model broken: ")
    running.engine.stop()


def test_without_any_usable_model_it_does_not_start(settings: WorkerSettings) -> None:
    nowhere = LocalModel(name="none", title="None", path=Path("/nonexistent"))
    running = Running(replace(settings, models=(nowhere,)))
    assert "there is no folder /nonexistent" in running.until(protocol.Broken).detail
    assert running.status.get(timeout=60) == protocol.EXIT_CANNOT_START


def spoiled(source: Path, target: Path, fault: str) -> Path:
    if fault == "folder":
        return target
    for path in source.rglob("*.*"):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".safetensors" and fault == "weights":
            continue
        content = path.read_bytes()
        if path.suffix == ".safetensors" and fault == "corrupt":
            content = content[:100]
        if path.name == "model_index.json" and fault == "class":
            content = content.replace(b'"StableDiffusionPipeline"', b'"EvilPipeline"')
        copy.write_bytes(content)
    return target
