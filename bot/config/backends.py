"""Reads ``[[backends]]``: who draws the pictures, and with which models."""

from __future__ import annotations

import re
from pathlib import Path

from bot.config.credentials import Vault
from bot.config.engines import AUTO, ENGINES, engine_at, read_engine, read_weight
from bot.config.model import (
    DEMO_MODEL,
    BackendConfig,
    LocalConfig,
    ModelConfig,
    ScriptedConfig,
)
from bot.config.section import Section
from bot.config.speed import read_speed
from bot.config.tools import read_tools
from generation.worker.settings import Speed

KINDS = ("local", "scripted", *ENGINES)
PRECISIONS = ("auto", "float32", "float16", "bfloat16")
MOST_THREADS = 1024
WEIGHTS = ".safetensors"

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,2})?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}")


def read_backends(
    root: Section, vault: Vault
) -> tuple[tuple[BackendConfig, ...], tuple[Section, ...]]:
    """The backends, and every section they were read from."""
    single = root.mapped("backend", engine_at, secret=True)
    sections = root.sections("backends")
    if sections is None:
        return (LocalConfig() if single is None else single,), ()
    if "backend" in root:
        root.problem(
            "backend",
            "backend and [[backends]] are both given",
            "Write it as the url of a further [[backends]]",
        )
    if not sections:
        root.problem("backends", "the list is empty", "Write [[backends]], or take the line out")
    backends: list[BackendConfig] = []
    read = list(sections)
    for section in sections:
        backend = _backend(section, vault, read, fallback_name=f"backend {len(backends) + 1}")
        if any(backend.name == other.name for other in backends):
            section.problem(
                "name",
                f'two backends are named "{backend.name}"',
                f'Give this one another, such as name = "{backend.name}-2"',
            )
        backends.append(backend)
    return tuple(backends), tuple(read)


def _backend(
    section: Section, vault: Vault, read: list[Section], *, fallback_name: str
) -> BackendConfig:
    kind = section.choice("kind", KINDS, default=None)
    name = section.mapped("name", _name)
    if kind is None and "url" in section:
        kind = AUTO
    if kind in ENGINES:
        return read_engine(section, kind, name, vault, read)
    if kind is None and "kind" not in section:
        section.problem(
            "kind", "the kind of backend is missing", 'Write kind = "local", or the engine\'s url'
        )
    name = name or kind or fallback_name
    if kind == "scripted":
        return ScriptedConfig(name=name, weight=read_weight(section))
    models = section.sections("models")
    read.extend(models or ())
    base = vault.base
    chosen = LocalConfig().models if models is None else _models(section, models, base, read)
    return LocalConfig(
        name=name,
        device=section.mapped("device", _device) or "auto",
        precision=section.choice("precision", PRECISIONS, default="auto") or "auto",
        threads=section.optional_whole("threads", lowest=1, highest=MOST_THREADS, example=4),
        models=chosen,
        lora_folders=_folders(section, "lora_folders", base),
        embedding_folders=_folders(section, "embedding_folders", base),
        tools=read_tools(section, base, [model.name for model in chosen]),
        weight=read_weight(section),
    )


def _folders(section: Section, key: str, base: Path) -> tuple[Path, ...]:
    folders = [base / Path(written).expanduser() for written in section.texts(key)]
    for folder in folders:
        if not folder.is_dir():
            section.problem(key, f"there is no folder {folder}", "Make it, or take it out")
    return tuple(folders)


def _models(
    section: Section, parts: tuple[Section, ...], base: Path, read: list[Section]
) -> tuple[ModelConfig, ...]:
    models: list[ModelConfig] = []
    if not parts:
        section.problem("models", "the list is empty", "Name a model, or take the line out")
    for part in parts:
        speed = part.section("speed")
        read.append(speed)
        model = _model(part, base, read_speed(speed))
        if any(model.name and model.name == other.name for other in models):
            part.problem("name", f'two models are named "{model.name}"', "Give one another name")
        models.append(model)
    return tuple(models)


def _model(section: Section, base: Path, speed: Speed) -> ModelConfig:
    name = section.mapped("name", _name)
    path = _path(section, "path", base)
    parts = _path(section, "parts", base)
    title = section.text("title")
    if name is None and "name" not in section:
        section.problem("name", "the model's name is missing", 'Write name = "my-model"')
    if path is None and "path" not in section and name not in {None, DEMO_MODEL}:
        section.problem(
            "path",
            f'the folder of "{name}" is missing; only "{DEMO_MODEL}" comes with Easel',
            'Write path = "models/my-model", a folder in the diffusers format',
        )
    _check_place(section, path, parts)
    return ModelConfig(
        name=name or "",
        path=path,
        parts=parts,
        title=title,
        width=_side(section, "width"),
        height=_side(section, "height"),
        max_side=section.optional_whole("max_side", lowest=64, highest=8192, example=2048),
        steps=section.optional_whole("steps", lowest=1, highest=150, example=25),
        guidance_scale=section.optional_number("guidance_scale", lowest=0, highest=30, example=7),
        strength=section.optional_number("strength", lowest=0.01, highest=1, example=0.6),
        sampler=section.text("sampler"),
        scheduler=section.text("scheduler"),
        clip_skip=section.optional_whole("clip_skip", lowest=1, highest=12, example=2),
        taesd=_tiny_decoder(section, base),
        speed=speed,
    )


def _tiny_decoder(section: Section, base: Path) -> Path | None:
    folder = _path(section, "taesd", base)
    if folder is not None and not (folder / "config.json").is_file():
        section.problem(
            "taesd",
            f"{folder} is no folder of a tiny decoder: it holds no config.json",
            "Name a folder in the diffusers format, such as one of madebyollin's TAESD",
        )
    return folder


def _path(section: Section, key: str, base: Path) -> Path | None:
    written = section.text(key)
    return None if written is None else base / Path(written).expanduser()


def _check_place(section: Section, path: Path | None, parts: Path | None) -> None:
    """A model is a folder, or a single file with a folder beside it."""
    is_file = path is not None and path.is_file()
    if path is not None and is_file and path.suffix != WEIGHTS:
        section.problem(
            "path",
            f"{path.name} could run code when it is read",
            f"Take the model as a {WEIGHTS} file, or as a folder in the diffusers format",
        )
    if is_file and parts is None and "parts" not in section:
        section.problem(
            "parts",
            f"{section.text('path')} holds weights only",
            'Write parts = "models/sdxl", a folder in the diffusers format of the same kind',
        )
    for key, folder in (("path", None if is_file else path), ("parts", parts)):
        if folder is not None and not (folder / "model_index.json").is_file():
            section.problem(
                key,
                f"{folder} is not a model folder: it holds no model_index.json",
                f"Name a folder in the diffusers format, or a {WEIGHTS} file"
                if key == "path"
                else "Name a folder in the diffusers format",
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
