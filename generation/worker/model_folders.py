"""Folders that are searched for models: what is found, and what is skipped and why.

A model is a folder with ``model_index.json`` or a single ``.safetensors`` file, and is named as
that is. Only names and headers are read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from generation.errors import Unavailable
from generation.worker.checkpoints import recognise
from generation.worker.headers import BrokenFileError, read_header
from generation.worker.settings import LocalModel

MOST_MODELS = 200
NAME_LENGTH = 60

INDEX = "model_index.json"
_WEIGHTS = ".safetensors"
_PICKLES = frozenset({".ckpt", ".pt", ".pth", ".bin"})
_NAME = re.compile(rf"[^\W_][\w .()+-]{{0,{NAME_LENGTH - 1}}}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """``folders`` are all in diffusers' layout, with weights or without."""

    models: tuple[LocalModel, ...] = ()
    folders: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()


def find_models(places: Sequence[Path], known: Sequence[LocalModel] = ()) -> Findings:
    """The models in folders and their subfolders that are not ``known``, and what was skipped."""
    search = _Search(known=known)
    for place in places:
        if place.is_dir():
            for path in _walk(place):
                search.look_at(path)
        else:
            search.problems.append(f"models: there is no folder {place}")
    return Findings(
        models=tuple(search.found.values()),
        folders=tuple(search.folders),
        problems=tuple(search.problems),
    )


@dataclass(kw_only=True, slots=True)
class _Search:
    known: Sequence[LocalModel]
    found: dict[str, LocalModel] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def look_at(self, path: Path) -> None:
        is_folder = path.is_dir()
        if is_folder:
            self.folders.append(path)
            if not any(path.glob(f"*/*{_WEIGHTS}")) and not any(path.glob("*/*.bin")):
                return  # settings for single files; no model, and nothing is wrong with it
        if any(path.resolve() in _places_of(model) for model in self.known):
            return
        try:
            self._take(path, path.name if is_folder else path.stem)
        except (Unavailable, BrokenFileError) as error:
            reason = error.detail if isinstance(error, Unavailable) else error
            self.problems.append(f"model {path.name} is skipped: {reason}")

    def _take(self, path: Path, name: str) -> None:
        if path.suffix.lower() in _PICKLES and not path.is_dir():
            raise BrokenFileError(
                f"it could run code when it is read; take the model as a {_WEIGHTS} file"
            )
        if path.is_file():
            recognise(read_header(path), path.stem)
        if not _NAME.fullmatch(name):
            raise BrokenFileError(
                f"rename it: up to {NAME_LENGTH} letters, digits, spaces and . _ - + ( )"
            )
        names = {model.name.casefold() for model in (*self.known, *self.found.values())}
        if name.casefold() in names:
            raise BrokenFileError("there is another model of that name")
        if len(self.found) == MOST_MODELS:
            raise BrokenFileError(f"there are more than {MOST_MODELS} already")
        self.found[name] = LocalModel(name=name, title="", path=path)


def _places_of(model: LocalModel) -> tuple[Path, ...]:
    return tuple(path.resolve() for path in (model.path, model.parts) if path is not None)


def _walk(place: Path) -> Iterator[Path]:
    """Model folders as a whole, and files of weights outside of them, in the order of names."""
    for folder, inner, names in os.walk(place):
        if INDEX in names:
            inner.clear()
            yield Path(folder)
            continue
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix.lower() in {_WEIGHTS, *_PICKLES}:
                yield path
