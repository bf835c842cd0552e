"""Descriptions: a text for a picture, always the same, and never an empty one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from generation.errors import NothingFound, Unavailable
from generation.types import TEXT, Task
from generation.worker.gatherer import JobCancelled
from generation.worker.tools import describers
from tests.generation.worker.tools.conftest import Table

Photo = Callable[[int, int], Image.Image]


def test_a_picture_becomes_a_text(tools_folder: Path, table: Table, photo: Photo) -> None:
    tool = describers.load(tools_folder / "describer")
    once = tool.work(table.bench(photo(90, 60), Task.DESCRIBE))
    again = tool.work(table.bench(photo(90, 60), Task.DESCRIBE))
    assert once.media_type == TEXT
    assert once.data.decode().strip() == once.data.decode() != ""
    assert once.data == again.data
    assert table.steps == [(1, 1), (1, 1)]


def test_a_model_that_says_nothing_is_told(
    tools_folder: Path, table: Table, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = describers.load(tools_folder / "describer")
    ending = torch.tensor([[2, 3]])  # where a text begins and ends
    monkeypatch.setattr(tool.module, "generate", lambda **_: ending)
    with pytest.raises(NothingFound, match="nothing to say"):
        tool.work(table.bench(photo(90, 60), Task.DESCRIBE))


def test_a_cancelled_job_stops_in_the_middle_of_its_text(
    tools_folder: Path, table: Table, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = describers.load(tools_folder / "describer")
    written: list[int] = []
    generate = tool.module.generate

    def cancelled_meanwhile(**asked: object) -> torch.Tensor:
        table.seat.cancel()
        tokens: torch.Tensor = generate(**asked, min_new_tokens=100)
        written.append(tokens.shape[1])
        return tokens

    monkeypatch.setattr(tool.module, "generate", cancelled_meanwhile)
    with pytest.raises(JobCancelled):
        tool.work(table.bench(photo(90, 60), Task.DESCRIBE))
    assert written[0] < 10


def test_a_model_for_something_else_is_refused(tools_folder: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        describers.load(tools_folder / "cutter")
    assert caught.value.detail == "cutter is not a model that turns a picture into text (segformer)"


def test_a_folder_without_its_tokenizer_is_refused(tools_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mute"
    shutil.copytree(tools_folder / "describer", folder)
    for part in ("tokenizer.json", "tokenizer_config.json", "processor_config.json"):
        (folder / part).unlink()
    with pytest.raises(Unavailable) as caught:
        describers.load(folder)
    assert caught.value.detail is not None
    assert caught.value.detail.startswith("mute cannot be loaded")


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        describers.check(tmp_path / "gone")
    assert caught.value.detail == "gone holds no config.json"
    (tmp_path / "config.json").write_text("[1, 2")
    with pytest.raises(Unavailable) as caught:
        describers.check(tmp_path)
    assert caught.value.detail is not None
    assert "config.json cannot be read" in caught.value.detail
