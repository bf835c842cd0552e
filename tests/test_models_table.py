"""The table of docs/models.md says what the code does, and nothing in it is untested."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import torch

from generation.backends.base import ModelInfo
from generation.types import Task
from generation.worker.candidates import examine
from generation.worker.extras import ExtrasFinder
from generation.worker.families import FAMILIES
from generation.worker.random_models.architectures import ARCHITECTURES
from generation.worker.settings import LocalModel, WorkerSettings
from generation.worker.speed.plan import Place

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "models.md"
RANDOM = "tiny random weights"

# Which row is about which architecture of those that tests draw with.
ROWS: Mapping[str, str] = {
    "sd15": "Stable Diffusion 1 and 2",
    "sd21": "Stable Diffusion 1 and 2",
    "sdxl": "Stable Diffusion XL",
    "sd15-inpainting": "Stable Diffusion 1 and 2 (inpainting)",
    "sdxl-inpainting": "Stable Diffusion XL (inpainting)",
    "instruct-pix2pix": "InstructPix2Pix",
    "sd3": "Stable Diffusion 3 and 3.5",
    "flux": "FLUX.1 (dev)",
    "flux-schnell": "FLUX.1 (schnell)",
    "flux-kontext": "FLUX.1 Kontext",
    "flux-fill": "FLUX.1 Fill",
    "flux2": "FLUX.2",
    "flux2-klein": "FLUX.2 klein",
    "flux2-klein-base": "FLUX.2 klein (base)",
    "chroma": "Chroma",
    "qwen-image": "Qwen-Image",
    "qwen-image-edit": "Qwen-Image-Edit",
    "qwen-image-edit-plus": "Qwen-Image-Edit Plus",
    "z-image": "Z-Image",
    "z-image-turbo": "Z-Image (Turbo)",
    "lumina2": "Lumina Image 2",
    "sana": "Sana",
    "pixart-sigma": "PixArt Sigma",
    "pixart-alpha": "PixArt Alpha",
    "hidream": "HiDream",
    "hidream-dev": "HiDream (Dev, Fast)",
    "kandinsky5": "Kandinsky 5",
}
TASKS = (Task.TXT2IMG, Task.IMG2IMG, Task.INPAINT, Task.EDIT)


@cache
def table(first: str = "Family") -> Mapping[str, Mapping[str, str]]:
    """The rows of the table with that first column, each cell by its column."""
    text = DOCUMENT.read_text(encoding="utf-8")
    lines = text[text.index(f"| {first} |") :].split("\n\n")[0].splitlines()
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


@cache
def info(name: str) -> ModelInfo:
    model = LocalModel(name=name, title=name, path=Path(f"random:{name}"))
    place = Place(device=torch.device("cpu"), dtype=torch.float32)
    return examine(model, ExtrasFinder(WorkerSettings(models=())), place).info


def said(is_so: bool) -> str:
    return "yes" if is_so else "no"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_row_says_what_the_model_can_do(name: str) -> None:
    row, model = table()[ROWS[name]], info(name)
    assert {task: row[task] for task in TASKS} == {
        task: said(task in model.tasks) for task in TASKS
    }
    assert row["Negative prompt"] == said(model.uses_negative_prompt)
    assert row["Guidance"] == said(model.uses_guidance)
    assert row["Looks at"] == str(model.max_references)
    assert row["Sides are multiples of"] == str(model.multiple_of)
    assert str(model.width) in re.findall(r"\d+", row["Drawn at"])


def test_every_architecture_that_tests_draw_with_has_a_row_and_says_so() -> None:
    assert set(ROWS) == set(ARCHITECTURES)
    assert {table()[row]["Tested with"] for row in ROWS.values()} == {RANDOM}
    assert len(table()) >= 20


def test_every_row_is_about_one_of_them() -> None:
    assert set(table()) == set(ROWS.values())


def test_every_family_has_a_row() -> None:
    named = " ".join(table())
    assert [family.title for family in FAMILIES if family.title not in named] == []


def test_every_operation_names_a_test_that_there_is() -> None:
    operations = table("Operation")
    tests = {name: ROOT / row["By"] for name, row in operations.items()}
    assert [name for name, path in tests.items() if "def test_" not in path.read_text()] == []
    assert all(row["Tested with"] for row in operations.values())
    assert len(operations) >= 10
