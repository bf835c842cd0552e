"""Reads where ControlNets lie, and what finds depth in pictures."""

from __future__ import annotations

from pathlib import Path

from bot.config.section import Section
from generation.controls import CONTROL_NAMES
from generation.worker.settings import ControlPlace


def read_controls(section: Section, base: Path) -> tuple[ControlPlace, ...]:
    """A model's own ControlNets, one for each kind that is named."""
    places = []
    for kind in CONTROL_NAMES:
        folder = _path(section, kind, base)
        if folder is None:
            continue
        if (folder / "config.json").is_file():
            places.append(ControlPlace(kind=kind, path=folder))
        else:
            section.problem(
                kind,
                f"{folder} is no folder of a ControlNet: it holds no config.json",
                "Name a folder in the diffusers format",
            )
    return tuple(places)


def read_depth_estimator(section: Section, base: Path) -> Path | None:
    """The folder of a model that finds depth, None where none is named."""
    folder = _path(section, "depth_estimator", base)
    if folder is not None and not (folder / "config.json").is_file():
        section.problem(
            "depth_estimator",
            f"{folder} is no folder of a model: it holds no config.json",
            "Name a folder in transformers' format, such as one of Depth Anything's",
        )
    return folder


def _path(section: Section, key: str, base: Path) -> Path | None:
    written = section.text(key)
    return None if written is None else base / Path(written).expanduser()
