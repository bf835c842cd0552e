"""ControlNets in memory: read when they are asked for, kept while they are used, given back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from generation.backends.base import Work
from generation.errors import ControlUnusable
from generation.types import Control, JobId
from generation.worker import painter as painter_module
from generation.worker.controls.loaded import MOST_LOADED, Controls
from generation.worker.gatherer import Gatherer, Seat
from generation.worker.models import LoadedModel, ModelShelf
from generation.worker.painter import Painting, paint
from generation.worker.random_models import PREFIX, TINY
from generation.worker.settings import ControlPlace, LocalModel, WorkerSettings
from tests.generation.local_models import params
from tests.generation.worker.controls.pictures import SCENE, encoded
from tests.generation.worker.controls.tiny_controls import save_control

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model

KINDS = ("canny", "depth", "pose")
PATH = Path(f"{PREFIX}{TINY}sd15")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("nets")
    denoiser = load(()).denoiser
    for kind in KINDS:
        save_control(folder / kind, denoiser)
    return folder


def load(places: tuple[ControlPlace, ...]) -> LoadedModel:
    model = LocalModel(name="sd15", title="SD", path=PATH, controls=places)
    shelf = ModelShelf(WorkerSettings(models=(model,), slots=2), torch.device("cpu"), torch.float32)
    shelf.open()
    return shelf.load("sd15")


@pytest.fixture
def model(folder: Path) -> LoadedModel:
    return load(tuple(ControlPlace(kind=kind, path=folder / kind) for kind in KINDS))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that were read, in order."""
    read: list[str] = []
    kind: Any = diffusers.ControlNetModel
    original = kind.from_pretrained

    def reading(path: str, **options: Any) -> Any:
        read.append(Path(path).name)
        return original(path, **options)

    monkeypatch.setattr(kind, "from_pretrained", reading)
    return read


@pytest.fixture
def seat() -> Iterator[Seat]:
    gatherer = Gatherer(threads=1)
    gatherer.start()
    seat = gatherer.seat()
    yield seat
    seat.leave()
    gatherer.stop()


def use(controls: Controls, *kinds: str) -> None:
    with controls.held(kinds, lambda do: do(), apart=False):
        pass


def test_one_is_read_when_a_job_first_asks_and_then_kept(
    model: LoadedModel, reads: list[str]
) -> None:
    assert reads == []
    use(model.controls, "canny")
    use(model.controls, "canny")
    assert reads == ["canny"]


def test_what_was_not_used_for_longest_makes_room(model: LoadedModel, reads: list[str]) -> None:
    assert MOST_LOADED == 2
    use(model.controls, "canny")
    use(model.controls, "depth")
    use(model.controls, "canny")
    use(model.controls, "pose")
    use(model.controls, "canny", "pose")
    use(model.controls, "depth")
    assert reads == ["canny", "depth", "pose", "depth"]


def test_all_that_one_job_asks_for_are_there_at_once(model: LoadedModel, reads: list[str]) -> None:
    with model.controls.held(KINDS, lambda do: do(), apart=False) as held:
        assert [each.file.name for each in held] == list(KINDS)
        model.controls.give_back()
        use(model.controls, *KINDS)
    assert reads == list(KINDS)


def test_short_memory_gives_back_those_that_no_job_uses(
    model: LoadedModel, reads: list[str]
) -> None:
    use(model.controls, "depth")
    with model.controls.held(["canny"], lambda do: do(), apart=False):
        model.controls.give_back()
    use(model.controls, "canny")
    use(model.controls, "depth")
    assert reads == ["depth", "canny", "depth"]


def test_a_file_that_turns_out_broken_fails_its_job_with_a_sentence(
    folder: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "canny"
    broken.mkdir()
    config = json.loads((folder / "canny" / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "block_out_channels": "none"}))
    weights = "diffusion_pytorch_model.safetensors"
    (broken / weights).write_bytes((folder / "canny" / weights).read_bytes())
    controls = load(()).controls
    with pytest.raises(ControlUnusable, match="no ControlNet for canny any more"):
        use(controls, "canny")
    found = load((ControlPlace(kind="canny", path=folder / "canny"),))
    (folder_file,) = found.controls._files.values()
    found.controls._files = {"canny": type(folder_file)(**_changed(folder_file, broken))}
    with pytest.raises(ControlUnusable) as refused:
        use(found.controls, "canny")
    assert refused.value.sentence == "The ControlNet for canny cannot be loaded."


def _changed(file: Any, path: Path) -> dict[str, Any]:
    return {"path": path, "net": file.net, "config": file.config, "kinds": file.kinds}


def draw(model: LoadedModel, seat: Seat, **more: Any) -> Painting:
    control = Control(kind="canny", prepare=False)
    wanted = params(model="sd15", sampler="Euler", controls=(control,), **more)
    work = Work(job_id=JobId("job"), params=wanted, controls=(encoded(SCENE),))
    return paint(model, work, seat=seat, on_step=lambda _: None)


def test_without_room_a_controlled_job_goes_on_in_other_ways_to_the_same_picture(
    model: LoadedModel, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painter_module, "can_offload", lambda _: True)
    ((_, expected),) = draw(model, seat).pictures
    failures = iter(range(2))

    def full(*_: Any) -> None:
        if next(failures, None) is not None:
            raise torch.OutOfMemoryError("CUDA out of memory")

    handle = model.denoiser.register_forward_pre_hook(full)
    try:
        painting = draw(model, seat)
    finally:
        handle.remove()
    ((_, drawn),) = painting.pictures
    assert any("used in parts" in note for note in painting.notes)
    assert expected.pixels is not None
    assert drawn.pixels is not None
    assert int((drawn.pixels.int() - expected.pixels.int()).abs().max()) <= 1
