"""What the worker is told at its start: the models, the device, and how to use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from generation.types import Task

Precision = Literal["auto", "float32", "float16", "bfloat16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """How a model is made faster; what cannot be done is left out and told.

    ``auto`` does what this device gains from, which on a processor is nothing.
    ``compile`` turns the denoiser's blocks into programs of their own, in the background.
    ``attention`` is a name of ``speed.plan.ATTENTION``. ``quantise``, ``cache`` and
    ``vae_tiles_above`` (pixels of the longer side) change pictures. ``cache_threshold`` is how
    much a step may differ from the one before and still be skipped; None leaves it to the cache.
    """

    compile: str = "auto"
    attention: str = "native"
    channels_last: str = "auto"
    fuse_qkv: bool = False
    tf32: str = "auto"
    quantise: str = "off"
    cache: str = "off"
    cache_threshold: float | None = None
    vae_tiles_above: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlPlace:
    """A ControlNet's folder, and the kind of pictures that its operator says it is for."""

    kind: str
    path: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlSettings:
    """``folders`` are searched for ControlNets at the start, for all models.

    ``depth_estimator`` is a folder with a model that finds depth in pictures.
    """

    folders: tuple[Path, ...] = ()
    depth_estimator: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalModel:
    """A model folder in diffusers' layout or a single file, with the operator's defaults for it.

    ``parts`` is a folder that a single file takes what it lacks from. ``repo`` says where on the
    Hugging Face Hub ``path`` was, or is to be, downloaded from. What is None is taken from the
    model's own files. Sizes are pixels. ``taesd`` is a folder with a tiny decoder for previews;
    without it a folder of that name among the model's parts counts. ``ip_adapter`` is a file that
    lets it look at pictures, through the encoder in the folder ``image_encoder``.
    One that ``tiles`` is offered for pictures whose edges meet, if its family can draw such.
    """

    name: str
    title: str
    path: Path
    parts: Path | None = None
    repo: str | None = None
    licence: str | None = None
    triggers: tuple[str, ...] | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    sampler: str | None = None
    scheduler: str | None = None
    strength: float = 0.6
    min_side: int = 64
    max_side: int | None = None
    max_count: int = 4
    multiple_of: int | None = None
    taesd: Path | None = None
    ip_adapter: Path | None = None
    image_encoder: Path | None = None
    loras: tuple[Path, ...] = ()
    controls: tuple[ControlPlace, ...] = ()
    tiles: bool = True
    clip_skip: int = 1
    speed: Speed = Speed()


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalTool:
    """A tool for one of the tasks that are no drawing: a file of weights, or a model's folder."""

    name: str
    title: str
    task: Task
    path: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSettings:
    """``device`` is ``auto``, ``cpu``, ``cuda``, ``cuda:1``, … or ``mps``.

    ``threads`` bounds the processor cores a job uses, None leaves it to torch.
    ``preview_seconds`` is the least time between two previews of a job, None makes none.
    ``slots`` is how many jobs are drawn together at most; None measures, for each model, how many
    pay, and keeps what it found in ``calibration``, or forgets it without such a file.
    ``model_folders`` are searched for further models, ``lora_folders``, ``embedding_folders`` and
    those of ``controls`` for what goes with all of them, at the start and when asked once more.
    ``memory`` is how many bytes of weights may be loaded at once, of one model or several; None
    keeps as many models as the card has room for, or one where there is no card. With
    ``parallel_loading`` a large model's files are read at the same time.
    ``compiled`` is a folder that keeps compiled programs; without it the system's temporary one.
    """

    models: tuple[LocalModel, ...]
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    preview_seconds: float | None = 1.0
    cached_prompts: int = 64
    slots: int | None = None
    calibration: Path | None = None
    model_folders: tuple[Path, ...] = ()
    lora_folders: tuple[Path, ...] = ()
    embedding_folders: tuple[Path, ...] = ()
    controls: ControlSettings = ControlSettings()
    compiled: Path | None = None
    tools: tuple[LocalTool, ...] = ()
    memory: int | None = None
    parallel_loading: bool = False
