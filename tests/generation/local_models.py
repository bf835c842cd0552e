"""The tiny model as a configured one. Built once per run, in a process that may load torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from generation.types import Params, Task
from generation.worker.settings import LocalModel

ROOT = Path(__file__).parents[2]


def tiny_model(base: Path, *, withholds: bool = False) -> LocalModel:
    """``withholds`` gives it a safety checker that takes every picture out."""
    name, more = ("strict", ("withholds",)) if withholds else ("tiny", ())
    folder = base / name
    if not folder.exists():
        subprocess.run(  # noqa: S603  # our own module
            [sys.executable, "-m", "tests.generation.tiny_model", str(folder), *more],
            check=True,
            cwd=ROOT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
        )
    return LocalModel(name=name, title=name.title(), path=folder, steps=4, width=64, height=64)


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
