"""Reads what a local backend works with beside models: upscalers, cutters and describers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bot.config.section import Section
from generation.types import Task
from generation.worker.settings import LocalTool

_WEIGHTS = ".safetensors"
_NAME_LENGTH = 60
_FOLDERS = {"cutters": Task.CUTOUT, "describers": Task.DESCRIBE}


def read_tools(section: Section, base: Path, models: Iterable[str]) -> tuple[LocalTool, ...]:
    """The tools, called after their files; ``models`` are names that are taken."""
    found = [
        (key, task, path)
        for key, task in {"upscalers": Task.UPSCALE, **_FOLDERS}.items()
        for written in section.texts(key)
        for path in _paths(section, key, base / Path(written).expanduser())
    ]
    taken = set(models)
    tools: list[LocalTool] = []
    for key, task, path in found:
        name = (path.stem if task is Task.UPSCALE else path.name)[:_NAME_LENGTH]
        if name in taken:
            section.problem(key, f'two models or tools are named "{name}"', "Rename one of them")
        taken.add(name)
        tools.append(LocalTool(name=name, title=name, task=task, path=path))
    return tuple(tools)


def _paths(section: Section, key: str, path: Path) -> list[Path]:
    """The files or the folder that a path stands for; what it cannot be is a problem."""
    if key in _FOLDERS:
        if not (path / "config.json").is_file():
            section.problem(
                key,
                f"{path} is no model's folder: it holds no config.json",
                "Name a folder in the transformers format",
            )
        return [path]
    if path.is_dir():
        files = sorted(path.glob(f"*{_WEIGHTS}"))
        if not files:
            section.problem(key, f"{path} holds no {_WEIGHTS} file", "Put one in, or take it out")
        return files
    if path.suffix != _WEIGHTS:
        section.problem(
            key,
            f"{path.name} is no {_WEIGHTS} file; others could run code when they are read",
            f"Take the upscaler as a {_WEIGHTS} file",
        )
    elif not path.is_file():
        section.problem(key, f"there is no file {path}", "Put it there, or take it out")
    return [path]
