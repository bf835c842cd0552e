"""Reads ``[[backends]]``: who draws the pictures, and with which models."""

from __future__ import annotations

import re
from pathlib import Path

from bot.config.model import (
    DEMO_MODEL,
    BackendConfig,
    LocalConfig,
    ModelConfig,
    ScriptedConfig,
)
from bot.config.section import Section

KINDS = ("local", "scripted")
PRECISIONS = ("auto", "float32", "float16", "bfloat16")
MOST_THREADS = 1024

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,2})?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}")


def read_backends(
    root: Section, base: Path
) -> tuple[tuple[BackendConfig, ...], tuple[Section, ...]]:
    """The backends, and every section they were read from."""
    sections = root.sections("backends")
    if sections is None:
        return (LocalConfig(),), ()
    if not sections:
        root.problem("backends", "the list is empty", "Write [[backends]], or take the line out")
    backends: list[BackendConfig] = []
    read = list(sections)
    for section in sections:
        backend = _backend(section, base, read, fallback_name=f"backend {len(backends) + 1}")
        if any(backend.name == other.name for other in backends):
            section.problem(
                "name",
                f'two backends are named "{backend.name}"',
                f'Give this one another, such as name = "{backend.name}-2"',
            )
        backends.append(backend)
    return tuple(backends), tuple(read)


def _backend(
    section: Section, base: Path, read: list[Section], *, fallback_name: str
) -> BackendConfig:
    kind = section.choice("kind", KINDS, default=None)
    if kind is None and "kind" not in section:
        section.problem("kind", "the kind of backend is missing", 'Write kind = "local"')
    name = section.mapped("name", _name) or kind or fallback_name
    if kind == "scripted":
        return ScriptedConfig(name=name)
    models = section.sections("models")
    read.extend(models or ())
    return LocalConfig(
        name=name,
        device=section.mapped("device", _device) or "auto",
        precision=section.choice("precision", PRECISIONS, default="auto") or "auto",
        threads=section.optional_whole("threads", lowest=1, highest=MOST_THREADS, example=4),
        models=LocalConfig().models if models is None else _models(section, models, base),
    )


def _models(section: Section, parts: tuple[Section, ...], base: Path) -> tuple[ModelConfig, ...]:
    models: list[ModelConfig] = []
    if not parts:
        section.problem("models", "the list is empty", "Name a model, or take the line out")
    for part in parts:
        model = _model(part, base)
        if any(model.name and model.name == other.name for other in models):
            part.problem("name", f'two models are named "{model.name}"', "Give one another name")
        models.append(model)
    return tuple(models)


def _model(section: Section, base: Path) -> ModelConfig:
    name = section.mapped("name", _name)
    written = section.text("path")
    title = section.text("title")
    if name is None and "name" not in section:
        section.problem("name", "the model's name is missing", 'Write name = "my-model"')
    path = None if written is None else base / Path(written).expanduser()
    if path is None and "path" not in section and name not in {None, DEMO_MODEL}:
        section.problem(
            "path",
            f'the folder of "{name}" is missing; only "{DEMO_MODEL}" comes with Easel',
            'Write path = "models/my-model", a folder in the diffusers format',
        )
    if path is not None and not (path / "model_index.json").is_file():
        section.problem(
            "path",
            f"{path} is not a model folder: it holds no model_index.json",
            "Name a folder in the diffusers format",
        )
    return ModelConfig(
        name=name or "",
        path=path,
        title=title,
        width=_side(section, "width"),
        height=_side(section, "height"),
        max_side=section.optional_whole("max_side", lowest=64, highest=8192, example=2048),
        steps=section.optional_whole("steps", lowest=1, highest=150, example=25),
        guidance_scale=section.optional_number("guidance_scale", lowest=0, highest=30, example=7),
        strength=section.optional_number("strength", lowest=0.01, highest=1, example=0.6),
        sampler=section.text("sampler"),
        scheduler=section.text("scheduler"),
    )


def _side(section: Section, key: str) -> int | None:
    side = section.optional_whole(key, lowest=64, highest=4096, example=512)
    if side is not None and side % 8:
        near = round(side / 8) * 8
        section.problem(key, f"{side} is not a multiple of 8", f"Write {key} = {near}")
    return side


def _device(value: str) -> str:
    if not _DEVICE.fullmatch(value.lower()):
        instead = "Write auto, cpu, cuda, cuda:1 (the second card) or mps (a Mac's)"
        raise ValueError(f'"{value}" is not a device', instead)
    return value.lower()


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        what = f'"{value}" cannot be a name'
        instead = "Use up to 60 letters, digits, spaces, dots, dashes and underscores"
        raise ValueError(what, instead)
    return value
