"""Tiny tools, and a bench to use them at in this process."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from PIL import Image

from generation.backends.base import ToolInfo
from generation.tools import tool_params
from generation.types import Output, Task
from generation.worker.gatherer import Seat
from generation.worker.tools.base import Bench
from tests.generation.tiny_tools import build


@pytest.fixture(scope="session")
def tools_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.getbasetemp() / "tools"
    if not folder.exists():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            build(folder)
    return folder


@dataclass
class Table:
    """Makes benches, and remembers which parts of the work were told."""

    seat: Seat
    steps: list[tuple[int, int]] = field(default_factory=list)

    def bench(
        self,
        picture: Image.Image,
        task: Task = Task.UPSCALE,
        *,
        size: tuple[int, int] | None = None,
        alpha: Image.Image | None = None,
        settings: str | None = None,
    ) -> Bench:
        tool = ToolInfo(name="tool", title="Tool", task=task)
        return Bench(
            params=tool_params(tool, *(size or picture.size)),
            picture=picture,
            alpha=alpha,
            settings=settings,
            device=torch.device("cpu"),
            dtype=torch.float32,
            seat=self.seat,
            on_step=lambda done, total: self.steps.append((done, total)),
        )


@pytest.fixture
def table(seat: Seat) -> Table:
    return Table(seat)


@pytest.fixture
def photo() -> Callable[[int, int], Image.Image]:
    """Smooth colours with an edge in them."""

    def make(width: int, height: int) -> Image.Image:
        bands = [
            Image.linear_gradient("L"),
            Image.radial_gradient("L"),
            Image.linear_gradient("L").rotate(90),
        ]
        picture = Image.merge("RGB", bands).resize((width, height))
        picture.paste((250, 240, 10), (width // 4, height // 3, width // 2, height // 2))
        return picture

    return make


def opened(output: Output) -> Image.Image:
    with Image.open(io.BytesIO(output.data)) as picture:
        picture.load()
        return picture
