"""Several models in one worker: which stay, which go, and that coming back changes nothing."""

from __future__ import annotations

import gc
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from generation import demo_model
from generation.backends.base import Work
from generation.types import JobId
from generation.worker.gatherer import Gatherer
from generation.worker.memory import size_of
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.painter import paint
from generation.worker.random_models.source import random_model
from generation.worker.settings import LocalModel, WorkerSettings
from generation.worker.sources import open_source
from tests.generation.local_models import params
from tests.generation.worker.single_files import write_single_file

CPU = torch.device("cpu")

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model


@pytest.fixture
def models(tmp_path: Path) -> tuple[LocalModel, ...]:
    """Three models of equal size, each its own files."""
    torch.set_num_threads(1)
    return tuple(
        LocalModel(
            name=name,
            title=name,
            path=Path(shutil.copytree(demo_model.MODEL_DIR, tmp_path / name)),
            width=64,
            height=64,
        )
        for name in ("a", "b", "c")
    )


@pytest.fixture
def gatherer() -> Iterator[Gatherer]:
    gatherer = Gatherer(threads=1)
    gatherer.start()
    yield gatherer
    gatherer.stop()


def shelf_of(models: tuple[LocalModel, ...], kept: float | None) -> ModelShelf:
    """A shelf that has room for so many models of that size."""
    weights = sum(open_source(models[0]).weights().values()) * torch.float32.itemsize
    memory = None if kept is None else int(kept * weights)
    settings = WorkerSettings(models=models, slots=1, memory=memory)
    shelf = ModelShelf(settings, CPU, torch.float32)
    shelf.open()
    return shelf


def drawn(model: LoadedModel, gatherer: Gatherer) -> torch.Tensor:
    seat = gatherer.seat()
    try:
        wanted = params(model=model.info.name, width=64, height=64, steps=2, seed=7)
        work = Work(job_id=JobId("job"), params=wanted)
        painting = paint(model, work, seat=seat, on_step=lambda _: None)
        ((_, picture),) = painting.pictures
        assert picture.pixels is not None
        return picture.pixels
    finally:
        seat.leave()


def test_what_files_say_a_model_weighs_is_what_it_takes(models: tuple[LocalModel, ...]) -> None:
    source = open_source(models[0])
    loaded = source.load(torch.float32, CPU)
    parameters = sum(
        each.numel()
        for part in loaded.components.values()
        if isinstance(part, torch.nn.Module)
        for each in part.parameters()
    )
    told = sum(source.weights().values())
    assert parameters <= told <= 1.01 * parameters  # files keep a few tables that are no parameters
    assert size_of(loaded) >= 4 * parameters


def test_a_single_file_weighs_what_it_holds_and_what_it_takes_from_a_folder(
    tmp_path: Path,
) -> None:
    pipe = random_model(Path("random:tiny-sd15")).load(torch.float32, CPU)
    pipe.save_pretrained(str(tmp_path / "parts"), safe_serialization=True)
    whole, partly = tmp_path / "whole.safetensors", tmp_path / "partly.safetensors"
    write_single_file(pipe, whole)
    write_single_file(pipe, partly, with_vae=False)
    counts = [
        open_source(LocalModel(name="m", title="", path=path, parts=tmp_path / "parts")).weights()
        for path in (whole, partly)
    ]
    assert counts[0]["vae"] == counts[1]["vae"]
    assert sum(counts[0].values()) == sum(counts[1].values())


def test_models_stay_loaded_as_far_as_the_budget_goes(models: tuple[LocalModel, ...]) -> None:
    shelf = shelf_of(models, 2.5)
    first = shelf.load("a")
    shelf.load("b")
    assert shelf.load("a") is first
    assert (shelf.loaded, shelf.resident) == (("b", "a"), "a")


def test_the_one_used_longest_ago_makes_room(models: tuple[LocalModel, ...]) -> None:
    shelf = shelf_of(models, 2.5)
    for name in ("a", "b", "a", "c"):
        shelf.load(name)
    assert shelf.loaded == ("a", "c")


def test_without_a_budget_and_a_card_one_model_is_loaded(models: tuple[LocalModel, ...]) -> None:
    shelf = shelf_of(models, None)
    shelf.load("b")
    assert shelf.loaded == ("b",)


def test_what_is_evicted_gives_its_memory_back(models: tuple[LocalModel, ...]) -> None:
    shelf = shelf_of(models, 1.5)
    weights = [
        weakref.ref(each)
        for part in shelf.load("a").base.components.values()
        if isinstance(part, torch.nn.Module)
        for each in part.parameters()
    ]
    shelf.load("b")
    gc.collect()
    assert [each for each in weights if each() is not None] == []
    assert len(weights) > 100


def test_a_model_that_comes_back_draws_the_same_picture_to_the_last_bit(
    models: tuple[LocalModel, ...], gatherer: Gatherer
) -> None:
    shelf = shelf_of(models, 1.5)
    before = drawn(shelf.load("a"), gatherer)
    drawn(shelf.load("b"), gatherer)
    assert shelf.loaded == ("b",)
    assert torch.equal(drawn(shelf.load("a"), gatherer), before)


def test_when_one_has_no_room_all_others_go_before_it_is_given_up(
    models: tuple[LocalModel, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = shelf_of(models, 9)
    shelf.load("b")
    read, crowded = shelf._loader.read, [True]

    def full_at_first(*args: object) -> LoadedModel:
        if crowded.pop() if crowded else False:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return read(*args)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(shelf._loader, "read", full_at_first)
    shelf.load("c")
    assert shelf.loaded == ("c",)


def test_a_job_that_needs_the_device_to_itself_clears_it(
    models: tuple[LocalModel, ...],
) -> None:
    shelf = shelf_of(models, 9)
    shelf.load("a")
    model = shelf.load("b")
    model.room._arrange(model.room.usual)
    assert shelf.loaded == ("b",)


def test_how_each_model_fits_is_told_to_the_operator(models: tuple[LocalModel, ...]) -> None:
    notes = shelf_of(models, None).notes
    assert [note.partition(":")[0] for note in notes if note.endswith("GiB of weights")] == [*"abc"]
