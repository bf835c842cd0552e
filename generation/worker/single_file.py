"""A model as a single safetensors file, with settings and parts from elsewhere."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch

from generation.errors import Unavailable
from generation.worker.checkpoints import Checkpoint, recognise
from generation.worker.donors import donor_for
from generation.worker.families import find_family
from generation.worker.families.base import Family, ModelFiles
from generation.worker.headers import BrokenFileError, Header, read_header
from generation.worker.model_folder import (
    FAILURES,
    count_weights,
    examine_index,
    load_part,
    own_scheduler,
    read_processors,
)
from generation.worker.own_settings import settings_of, tokenizers_of, write_folder
from generation.worker.random_models.parts import Architecture
from generation.worker.random_models.source import files_of

_WEIGHTS = ".safetensors"
_HOLDS: Mapping[str, tuple[str, ...]] = {
    "vae": ("first_stage_model.", "vae."),
    "text_encoder": ("cond_stage_model.", "conditioner.", "text_encoders."),
    "text_encoder_2": ("conditioner.", "text_encoders."),
    "text_encoder_3": ("text_encoders.t5xxl.",),
}
"""How names of weights begin in files that hold more than the denoiser."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SingleFile:
    """A file as most sites offer them.

    Its settings, its tokenizers and the parts that it does not hold come from ``parts``, a folder
    in diffusers' layout of its kind, where that is given; else from what we know of its kind, or
    from the first of the ``donors`` that is of its kind.
    """

    path: Path
    parts: Path | None = None
    donors: tuple[Path, ...] = ()

    def examine(self) -> ModelFiles:
        """What the model is. Raises ``Unavailable`` for a file that cannot be loaded."""
        settings = self._settings(self._header())
        return files_of(settings) if isinstance(settings, Architecture) else examine_index(settings)

    def weights(self) -> Mapping[str, int]:
        """How many weights each part has, in the file or in the folder that gives the rest."""
        header = self._header()
        settings = self._settings(header)
        counts: dict[str, int] = {}
        for name, shape in header.shapes.items():
            part = next((key for key, starts in _HOLDS.items() if name.startswith(starts)), "")
            counts[part] = counts.get(part, 0) + math.prod(shape)
        if isinstance(settings, Path):
            for part in _lacking(header, settings):
                counts[part] = count_weights(settings / part)
        return counts

    def load(self, dtype: torch.dtype, device: torch.device) -> Any:
        """Its pipeline, on the device. Raises ``Unavailable``."""
        header = self._header()
        settings = self._settings(header)
        files = self.examine()
        family = find_family(files.class_name)
        try:
            with _as_folder(settings) as folder:
                if isinstance(settings, Architecture):
                    own = tokenizers_of(settings)
                else:
                    own = {**dict.fromkeys(_read_apart(family)), **own_scheduler(files)}
                    own |= _taken(folder, _lacking(header, folder), dtype)
                pipe = self._read(family, folder, dtype, own)
                pipe.register_modules(**read_processors(folder, family))
        except FAILURES as error:
            raise Unavailable(detail=f"it cannot be loaded: {error}") from error
        return pipe.to(device)

    def _read(self, family: Family, folder: Path, dtype: torch.dtype, own: dict[str, Any]) -> Any:
        """The pipeline, with the parts of ``own`` instead of the file's or the folder's."""
        kind: Any = getattr(diffusers, family.home)
        place: dict[str, Any] = {"local_files_only": True, "torch_dtype": dtype}
        if hasattr(kind, "from_single_file"):
            return kind.from_single_file(str(self.path), config=str(folder), **place, **own)
        # Files of these families hold the denoiser alone.
        name = str(examine_index(folder).configs[family.denoiser]["_class_name"])
        denoiser = getattr(diffusers, name).from_single_file(
            str(self.path), config=str(folder), subfolder=family.denoiser, **place
        )
        return kind.from_pretrained(
            str(folder), use_safetensors=True, **place, **own, **{family.denoiser: denoiser}
        )

    def _settings(self, header: Header) -> Path | Architecture:
        if self.parts is not None:
            return self.parts
        found = recognise(header, self.path.stem)
        known = settings_of(found)
        lacking = [] if known is None else _absent(header, known.parts)
        if known is not None and not lacking:
            return known
        donor = donor_for(found, self.donors)
        if donor is None:
            raise Unavailable(detail=_what_to_add(self.path, found, lacking))
        return donor

    def _header(self) -> Header:
        if not self.path.is_file():
            raise Unavailable(detail=f"there is no file {self.path}")
        if self.path.suffix != _WEIGHTS:
            raise Unavailable(
                detail=f"{self.path.name} could run code when it is read; "
                f"take the model as a {_WEIGHTS} file instead"
            )
        try:
            return read_header(self.path)
        except BrokenFileError as error:
            raise Unavailable(detail=f"{self.path}: {error}") from error


@contextmanager
def _as_folder(settings: Path | Architecture) -> Iterator[Path]:
    """The settings as diffusers reads them: from a folder."""
    if isinstance(settings, Path):
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="easel-") as folder:
        write_folder(settings, Path(folder))
        yield Path(folder)


def _read_apart(family: Family) -> tuple[str, ...]:
    return (*family.plain_tokenizers, *family.processors)


def _lacking(header: Header, folder: Path) -> list[str]:
    """The modules of the folder that the file does not hold."""
    return _absent(header, [part for part in _HOLDS if (folder / part / "config.json").is_file()])


def _absent(header: Header, parts: Iterable[str]) -> list[str]:
    return [
        part
        for part in parts
        if part in _HOLDS and not any(name.startswith(_HOLDS[part]) for name in header.shapes)
    ]


def _taken(folder: Path, parts: Iterable[str], dtype: torch.dtype) -> dict[str, Any]:
    return {part: load_part(folder, part, dtype) for part in parts}


def _what_to_add(path: Path, found: Checkpoint, lacking: list[str]) -> str:
    lacks = f", and this file has no {' and no '.join(lacking)}" if lacking else ""
    return (
        f"{path.name} is {found.title}, which needs more than its weights{lacks}; put a "
        f"{found.title} folder in the diffusers format into one of model_folders, "
        'or name it: parts = "models/…"'
    )
