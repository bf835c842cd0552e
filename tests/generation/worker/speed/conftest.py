"""Models whose blocks are compiled by a stand-in for a compiler, which runs graphs as they are."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import torch

from generation.backends.base import Work
from generation.types import JobId
from generation.worker.gatherer import Gatherer
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.painter import paint
from generation.worker.settings import LocalModel, Speed, WorkerSettings
from generation.worker.speed import accelerator, regions
from generation.worker.speed.compiling import Compiler
from tests.generation.local_models import params

Program = Callable[..., Any]
PATIENCE = 120.0
_NUMBERS = itertools.count()


class Backend:
    """``run`` may be replaced. Nothing is made while ``may_make`` is cleared."""

    def __init__(self) -> None:
        self.name = f"test-{next(_NUMBERS)}"
        self.begun = threading.Event()
        self.may_make = threading.Event()
        self.may_make.set()
        self.made = 0
        self.ran = 0
        self.run: Callable[[Program, tuple[Any, ...]], Any] = lambda graph, args: graph(*args)

    def __call__(self, graph: Any, _inputs: object) -> Program:
        self.begun.set()
        assert self.may_make.wait(PATIENCE)
        self.made += 1
        return functools.partial(self._run, graph)

    def _run(self, graph: Any, *args: Any) -> Any:
        self.ran += 1
        return self.run(graph, args)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    backend = Backend()
    monkeypatch.setattr(accelerator, "BACKEND", backend.name)
    monkeypatch.setattr(regions, "lookup_backend", lambda _: backend)
    torch._dynamo.reset_code_caches()  # or another test's programs would serve
    yield backend
    backend.may_make.set()


class Model:
    """A loaded model, what it draws, and what its operator is told of it."""

    def __init__(self, model: LocalModel, gatherer: Gatherer, **settings: Any) -> None:
        self.said: list[str] = []
        self._gatherer = gatherer
        chosen = WorkerSettings(models=(model,), threads=1, slots=8, **settings)
        cpu = torch.device("cpu")
        self.shelf = ModelShelf(
            chosen, cpu, torch.float32, tell=lambda _, text: self.said.append(text)
        )
        _, self.problems = self.shelf.open()
        self.loaded: LoadedModel = self.shelf.load(model.name)

    @property
    def blocks(self) -> int:
        found = self.loaded.speed._regions
        assert found is not None
        return len(found.regions)

    def draw(self, **changes: Any) -> torch.Tensor:
        """The first picture of a job of two small steps."""
        info = self.loaded.info
        usual = {
            "model": info.name,
            "steps": 2,
            "guidance_scale": 2.0,
            "sampler": info.sampler,
            "scheduler": info.scheduler,
        }
        work = Work(job_id=JobId("job"), params=params(**{**usual, **changes}))
        seat = self._gatherer.seat(exact=work.params.exact)
        try:
            painting = paint(self.loaded, work, seat=seat, on_step=lambda _: None)
        finally:
            seat.leave()
        pixels = painting.pictures[0][1].pixels
        assert pixels is not None
        return pixels

    def compile(self) -> None:
        """What a finished job sets off, to its end."""
        self.loaded.speed.after_job()
        self.await_compiled()

    def await_compiled(self) -> None:
        thread = self.compiler._thread
        if thread is not None:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    @property
    def compiler(self) -> Compiler:
        found = self.loaded.speed._compiler
        assert found is not None
        return found


class Open(Protocol):
    def __call__(self, architecture: str, *, folder: Path | None = None, **speed: Any) -> Model: ...


@pytest.fixture
def load(device: Gatherer) -> Iterator[Open]:
    opened: list[Model] = []
    torch.set_num_threads(1)  # more only fight over a busy machine's processors

    def open_model(architecture: str, *, folder: Path | None = None, **speed: Any) -> Model:
        wanted = Speed(**{"compile": "on", **speed})
        path = Path(f"random:tiny-{architecture}")
        model = LocalModel(name=architecture, title=architecture, path=path, speed=wanted)
        opened.append(Model(model, device, compiled=folder))
        return opened[-1]

    yield open_model
    for model in opened:
        model.shelf.close(wait=True)
