"""Cutting out: what is background becomes transparent, with soft edges and nothing moved."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from generation.errors import NothingFound, Unavailable
from generation.infotext import read_png
from generation.types import Task
from generation.worker.tools import cutters
from tests.generation.tiny_tools import save_cutter
from tests.generation.worker.tools.conftest import Table, opened

Photo = Callable[[int, int], Image.Image]


class Marker(torch.nn.Module):
    """Takes the right half of every picture for what it shows, as a model's answer would say it."""

    def forward(self, pixel_values: torch.Tensor) -> Marker:
        self.logits = torch.zeros(1, 2, 16, 16)
        self.logits[:, 1, :, :8] = -20
        self.logits[:, 1, :, 8:] = 20
        self.logits[:, :, :8] *= float(pixel_values.isfinite().all())
        return self


def test_background_becomes_transparent_and_the_rest_stays(
    tools_folder: Path, table: Table, photo: Photo
) -> None:
    tool = cutters.load(tools_folder / "cutter")
    tool.module = Marker()
    picture = photo(90, 60)
    output = tool.work(table.bench(picture, Task.CUTOUT, settings="a cat\nSteps: 4"))
    made = opened(output)
    assert made.size == (output.width, output.height) == (90, 60)
    alpha = np.asarray(made.getchannel("A"))
    assert alpha[:, :38].max() == 0
    assert alpha[:, 52:].min() == 255
    assert np.array_equal(np.asarray(made.convert("RGB")), np.asarray(picture))
    assert read_png(output.data) == "a cat\nSteps: 4"
    assert table.steps == [(1, 1)]


def test_what_was_transparent_stays_so(tools_folder: Path, table: Table, photo: Photo) -> None:
    tool = cutters.load(tools_folder / "cutter")
    tool.module = Marker()
    alpha = Image.new("L", (90, 60), 255)
    alpha.paste(0, (0, 0, 90, 20))
    made = opened(tool.work(table.bench(photo(90, 60), Task.CUTOUT, alpha=alpha)))
    assert made.getchannel("A").getpixel((80, 5)) == 0
    assert made.getchannel("A").getpixel((80, 50)) == 255


def test_a_real_models_answer_has_the_pictures_size(
    tools_folder: Path, table: Table, photo: Photo
) -> None:
    tool = cutters.load(tools_folder / "cutter")
    assert opened(tool.work(table.bench(photo(90, 61), Task.CUTOUT))).size == (90, 61)


def test_nothing_but_background_is_told(tools_folder: Path, table: Table, photo: Photo) -> None:
    tool = cutters.load(tools_folder / "cutter")
    tool.background = 1
    tool.module = torch.nn.Module()
    tool.module.forward = _All
    with pytest.raises(NothingFound, match="stands out"):
        tool.work(table.bench(photo(90, 60), Task.CUTOUT))


class _All:
    def __init__(self, pixel_values: torch.Tensor) -> None:
        self.logits = torch.zeros(len(pixel_values), 2, 4, 4)
        self.logits[:, 1] = 20


@pytest.mark.parametrize(
    ("labels", "background"),
    [
        ({0: "wall", 1: "Background", 2: "cat"}, 1),
        ({0: "subject"}, None),
    ],
)
def test_the_background_is_found_by_its_name(
    tmp_path: Path, labels: dict[int, str], background: int | None
) -> None:
    save_cutter(tmp_path / "cutter", labels)
    assert cutters.check(tmp_path / "cutter") == background


def test_a_model_that_names_no_background_is_refused(tmp_path: Path) -> None:
    save_cutter(tmp_path / "rooms", {0: "wall", 1: "floor"})
    with pytest.raises(Unavailable) as caught:
        cutters.load(tmp_path / "rooms")
    assert caught.value.detail is not None
    assert "rooms cannot tell what is background" in caught.value.detail


def test_code_in_a_models_folder_is_never_run(tools_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    shutil.copytree(tools_folder / "cutter", folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "BiRefNet", "auto_map": {"AutoModel": "evil.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit")
    with pytest.raises(Unavailable) as caught:
        cutters.load(folder)
    assert caught.value.detail is not None
    assert "brings code of its own, which is never run" in caught.value.detail


def test_pickles_and_broken_weights_are_named(tools_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cutter"
    shutil.copytree(tools_folder / "cutter", folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(Unavailable) as caught:
        cutters.load(folder)
    assert caught.value.detail == "cutter/model.safetensors: it is cut short; download it again"
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(Unavailable) as caught:
        cutters.load(folder)
    assert caught.value.detail is not None
    assert "pickles are not read" in caught.value.detail
