"""Reads ``[[backends]]``: who draws the pictures, and with which models."""

from __future__ import annotations

import re
from pathlib import Path

from bot.config.controls import read_depth_estimator
from bot.config.credentials import Vault
from bot.config.engines import AUTO, ENGINES, engine_at, read_engine, read_weight
from bot.config.model import BackendConfig, LocalConfig, ModelConfig, ScriptedConfig
from bot.config.models import Places, read_models, read_name
from bot.config.section import Section
from bot.config.tools import read_tools
from generation.hub import cache_folder

KINDS = ("local", "scripted", *ENGINES)
PRECISIONS = ("auto", "float32", "float16", "bfloat16")
MOST_THREADS = 1024

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,2})?")


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
    name = section.mapped("name", read_name)
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
        return ScriptedConfig(
            name=name,
            weight=read_weight(section),
            slots=section.whole("slots", default=1, lowest=1, highest=64),
            step_seconds=section.number("step_seconds", default=0.25, lowest=0, highest=60),
        )
    base = vault.base
    places = Places(base=base, hub=cache_folder(vault.environ))
    folders = _folders(section, "model_folders", base)
    chosen = _models(section, places, read, has_folders=bool(folders))
    return LocalConfig(
        name=name,
        device=section.mapped("device", _device) or "auto",
        precision=section.choice("precision", PRECISIONS, default="auto") or "auto",
        threads=section.optional_whole("threads", lowest=1, highest=MOST_THREADS, example=4),
        models=chosen,
        memory_gib=section.optional_number("memory_gib", lowest=0.1, highest=4096, example=20),
        parallel_loading=section.flag("parallel_loading", default=False),
        model_folders=folders,
        lora_folders=_folders(section, "lora_folders", base),
        embedding_folders=_folders(section, "embedding_folders", base),
        tools=read_tools(section, base, [model.name for model in chosen]),
        controlnet_folders=_folders(section, "controlnet_folders", base),
        depth_estimator=read_depth_estimator(section, base),
        weight=read_weight(section),
    )


def _folders(section: Section, key: str, base: Path) -> tuple[Path, ...]:
    folders = [base / Path(written).expanduser() for written in section.texts(key)]
    for folder in folders:
        if not folder.is_dir():
            section.problem(key, f"there is no folder {folder}", "Make it, or take it out")
    return tuple(folders)


def _models(
    section: Section, places: Places, read: list[Section], *, has_folders: bool
) -> tuple[ModelConfig, ...]:
    """Those that are named; without any, what the folders hold, or else the one that ships."""
    parts = section.sections("models")
    if parts is None:
        return () if has_folders else LocalConfig().models
    read.extend(parts)
    return read_models(section, parts, places, read)


def _device(value: str) -> str:
    if not _DEVICE.fullmatch(value.lower()):
        instead = "Write auto, cpu, cuda, cuda:1 (the second card) or mps (a Mac's)"
        raise ValueError(f'"{value}" is not a device', instead)
    return value.lower()
