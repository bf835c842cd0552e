"""What the worker is told at its start: the models, the device, and how to use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Precision = Literal["auto", "float32", "float16", "bfloat16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalModel:
    """A model folder in diffusers' layout, with the operator's defaults for it.

    What is None is taken from the model's own files. Sizes are pixels.
    """

    name: str
    title: str
    path: Path
    width: int | None = None
    height: int | None = None
    steps: int = 25
    guidance_scale: float = 7.0
    sampler: str = "Euler a"
    scheduler: str = "Automatic"
    strength: float = 0.6
    min_side: int = 64
    max_side: int | None = None
    max_count: int = 4
    multiple_of: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSettings:
    """``device`` is ``auto``, ``cpu``, ``cuda``, ``cuda:1``, … or ``mps``.

    ``threads`` bounds the processor cores a job uses, None leaves it to torch.
    ``preview_seconds`` is the least time between two previews of a job, None makes none.
    """

    models: tuple[LocalModel, ...]
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    preview_seconds: float | None = 1.0
    cached_prompts: int = 64
