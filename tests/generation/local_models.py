"""The tiny model as a configured one. Built once per run, in a process that may load torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from generation.types import Params, Task
from generation.worker.settings import LocalModel, LocalTool

ROOT = Path(__file__).parents[2]


def tiny_model(base: Path, *, withholds: bool = False) -> LocalModel:
    """``withholds`` gives it a safety checker that takes every picture out."""
    name, more = ("strict", ("withholds",)) if withholds else ("tiny", ())
    folder = base / name
    if not folder.exists():
        _build("tests.generation.tiny_model", folder, *more)
    return LocalModel(name=name, title=name.title(), path=folder, steps=4, width=64, height=64)


def tiny_tools(base: Path) -> tuple[LocalTool, ...]:
    """A tool for each task, of random weights."""
    folder = base / "tools"
    if not folder.exists():
        _build("tests.generation.tiny_tools", folder)
    return (
        LocalTool(
            name="sharp", title="Sharp", task=Task.UPSCALE, path=folder / "sharp.safetensors"
        ),
        LocalTool(name="cutter", title="Cutter", task=Task.CUTOUT, path=folder / "cutter"),
        LocalTool(name="teller", title="Teller", task=Task.DESCRIBE, path=folder / "describer"),
    )


def _build(module: str, *arguments: object) -> None:
    subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-m", module, *map(str, arguments)],
        check=True,
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
    )


def params(**changes: object) -> Params:
    values: dict[str, object] = {
        "task": Task.TXT2IMG,
        "model": "tiny",
        "prompt": "a red circle",
        "negative_prompt": "",
        "width": 64,
        "height": 64,
        "steps": 4,
        "guidance_scale": 5.0,
        "sampler": "Euler a",
        "scheduler": "Automatic",
        "seed": 7,
        "count": 1,
    }
    return Params(**{**values, **changes})  # type: ignore[arg-type]  # tests name real fields
