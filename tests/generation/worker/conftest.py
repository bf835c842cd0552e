"""The tiny model, loaded in this process: these tests look inside the worker."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what libraries warn of at import is not ours to mend
    import torch

    from generation.worker.gatherer import Gatherer, Seat
    from generation.worker.models import LoadedModel, ModelShelf
    from tests.generation.worker import tiny_families

from generation.worker.settings import LocalModel, WorkerSettings
from tests.generation.tiny_model import build


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    folder: Path = tmp_path_factory.getbasetemp() / "tiny"
    if not folder.exists():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            build(folder)
    return LocalModel(name="tiny", title="Tiny", path=folder, width=64, height=64, steps=4)


@pytest.fixture(scope="session")
def settings(tiny: LocalModel) -> WorkerSettings:
    return WorkerSettings(models=(tiny,), device="cpu", threads=1, preview_seconds=0.0, slots=8)


@pytest.fixture(scope="session")
def loaded(settings: WorkerSettings) -> LoadedModel:
    torch.set_num_threads(1)  # more only fight over a busy machine's processors
    shelf = ModelShelf(settings, torch.device("cpu"), torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shelf.open()
    return shelf.load("tiny")


@pytest.fixture(scope="session")
def device() -> Iterator[Gatherer]:
    gatherer = Gatherer(threads=1)
    gatherer.start()
    yield gatherer
    gatherer.stop()


@pytest.fixture
def seat(device: Gatherer) -> Iterator[Seat]:
    seat = device.seat()
    yield seat
    seat.leave()


@pytest.fixture(scope="module")
def small_looks() -> Iterator[None]:
    with tiny_families.small_looks():
        yield


@pytest.fixture(scope="module")
def gatherer() -> Iterator[Gatherer]:
    gatherer = Gatherer(threads=1)
    gatherer.start()
    yield gatherer
    gatherer.stop()
