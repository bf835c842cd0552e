"""The engine in this process: what it sends, and when it asks to be replaced."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest
import torch

from generation.backends.base import Work
from generation.types import JobId
from generation.worker import calibration, engine as engine_module, passes, protocol
from generation.worker.engine import Engine
from generation.worker.models import LoadedModel
from generation.worker.settings import LocalModel, WorkerSettings
from tests.generation.local_models import params

ENDS = (protocol.Finished, protocol.Fell, protocol.Stopped)
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

    def until_end(self) -> protocol.Finished | protocol.Fell | protocol.Stopped:
        while not isinstance(message := self.said.get(timeout=120), ENDS):
            pass
        self.last = message
        return message

    def rest(self) -> list[protocol.FromWorker]:
        return [self.said.get() for _ in range(self.said.qsize())]

    def submit(self, job_id: str, **changes: object) -> None:
        self.engine.submit(Work(job_id=JobId(job_id), params=params(**changes)))


@pytest.fixture
def running(settings: WorkerSettings) -> Iterator[Running]:
    running = Running(settings)
    running.until(protocol.Ready)
    yield running
    running.engine.stop()


class Held:
    """Jobs begin and are held up until the end of the block; then some of them raise."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, errors: Mapping[str, Exception] | None = None
    ) -> None:
        self.begun: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._gate = threading.Event()
        original = passes.paint_job

        def paint(model: LoadedModel, work: Work, **options: Any) -> Any:
            self.begun.put(work.job_id)
            self._gate.wait(60)
            if errors and work.job_id in errors:
                raise errors[work.job_id]
            return original(model, work, **options)

        monkeypatch.setattr(engine_module, "paint_job", paint)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._gate.set()


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


def test_a_job_that_waits_for_its_turn_is_cancelled_at_once(
    settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running(replace(settings, slots=1))
    with Held(monkeypatch) as held:
        running.submit("first")
        held.begun.get(timeout=60)
        running.submit("waiting")
        running.engine.cancel(JobId("waiting"))
        assert running.until(protocol.Stopped).job_id == "waiting"
    assert running.until(protocol.Finished).job_id == "first"
    running.engine.stop()


def test_a_running_job_is_cancelled_and_the_others_go_on(running: Running) -> None:
    running.submit("long", steps=150)
    running.until(protocol.Advanced)
    running.submit("other", steps=3)
    running.engine.cancel(JobId("long"))
    ends = {running.until_end().job_id: type(running.last) for _ in range(2)}
    assert ends == {"long": protocol.Stopped, "other": protocol.Finished}


def test_as_many_jobs_run_at_once_as_there_are_slots(
    settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running(replace(settings, slots=2))
    with Held(monkeypatch) as held:
        for name in ("a", "b", "c"):
            running.submit(name)
        assert {held.begun.get(timeout=60) for _ in range(2)} == {"a", "b"}
        assert held.begun.empty()
        assert set(running.engine._jobs) == {"a", "b", "c"}
    ends = {running.until(protocol.Finished).job_id for _ in range(3)}
    assert ends == {"a", "b", "c"}
    running.engine.stop()


def test_a_job_for_another_model_waits_until_the_others_have_ended(
    tiny: LocalModel, settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running(replace(settings, models=(tiny, replace(tiny, name="other"))))
    running.until(protocol.Ready)
    assert running.until(protocol.Resident) == protocol.Resident(model="tiny", slots=8)
    with Held(monkeypatch) as held:
        running.submit("a")
        running.submit("b", model="other")
        running.submit("c")  # does not overtake
        assert held.begun.get(timeout=60) == "a"
        assert held.begun.empty()
    ends = [running.until(protocol.Finished).job_id for _ in range(3)]
    assert sorted(ends) == ["a", "b", "c"]
    assert ends[0] == "a"
    running.engine.stop()


def test_a_job_for_a_model_that_is_not_there_costs_the_others_nothing(running: Running) -> None:
    running.submit("lost", model="nowhere")
    assert running.until(protocol.Fell).code == "unavailable"
    for name in ("a", "b"):
        running.submit(name)
    assert {running.until(protocol.Finished).job_id for _ in range(2)} == {"a", "b"}
    assert running.engine._slots == 8


def test_how_many_jobs_pay_is_measured_once_and_told(
    settings: WorkerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(settings, slots=None, calibration=tmp_path / "calibration.json")
    monkeypatch.setattr(calibration.Calibration, "measure", noting_three)
    for _ in range(2):
        running = Running(settings)
        assert running.until(protocol.Resident).slots == 1
        running.until(protocol.Ready)
        while (resident := running.until(protocol.Resident)).slots == 1:
            pass
        assert resident == protocol.Resident(model="tiny", slots=3)
        running.engine.stop()
        monkeypatch.setattr(calibration.Calibration, "measure", None)  # not again


def noting_three(
    self: calibration.Calibration, size: str, rows: int, run: Callable[[int], None]
) -> None:
    run(1)
    self.note(size, calibration.Measured(rows=rows, jobs=3))


def test_an_unforeseen_error_fails_the_job_and_not_the_engine(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(engine_module, "paint_job", raising(ZeroDivisionError("by nothing")))
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
    monkeypatch.setattr(engine_module, "paint_job", raising(error))
    running.submit("bad")
    assert running.until(protocol.Leaving).reason == "worker_lost"
    assert running.until(protocol.Fell).code == "worker_lost"
    assert running.status.get(timeout=60) == protocol.EXIT_DEVICE_LOST


def test_when_the_process_must_leave_every_job_is_told_once(
    settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running(replace(settings, slots=3))
    error = torch.AcceleratorError("CUDA error: device-side assert triggered")
    with Held(monkeypatch, errors={"b": error, "c": error}) as held:
        for name in ("a", "b", "c", "waiting"):
            running.submit(name)
        for _ in range(3):
            held.begun.get(timeout=60)
    assert running.status.get(timeout=60) == protocol.EXIT_DEVICE_LOST
    running.engine.stop()
    messages = running.rest()
    ends = [message for message in messages if isinstance(message, ENDS)]
    assert sorted(message.job_id for message in ends) == ["a", "b", "c", "waiting"]
    assert {message.code for message in ends if isinstance(message, protocol.Fell)} == {
        "worker_lost"
    }
    assert sum(isinstance(message, protocol.Leaving) for message in messages) == 1
    assert running.status.empty()


def test_running_out_of_memory_twice_in_a_row_asks_for_a_new_process(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(engine_module, "paint_job", raising(torch.OutOfMemoryError("no room")))
        running.submit("one")
        assert running.until(protocol.Fell).code == "out_of_memory"
    running.submit("good")
    running.until(protocol.Finished)
    monkeypatch.setattr(engine_module, "paint_job", raising(torch.OutOfMemoryError("no room")))
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
