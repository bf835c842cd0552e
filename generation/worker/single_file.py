"""A model as a single safetensors file, with a folder for what such a file does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch

from generation.errors import Unavailable
from generation.worker.families import find_family
from generation.worker.families.base import ModelFiles
from generation.worker.headers import BrokenFileError, Header, read_header
from generation.worker.model_folder import (
    FAILURES,
    examine_index,
    load_part,
    own_scheduler,
    read_processors,
)

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
    """A file as most sites offer them. ``parts`` is a folder in diffusers' layout of its kind.

    From that folder come the parts' settings, the tokenizers, and the weights of those parts that
    the file does not hold.
    """

    path: Path
    parts: Path | None

    def examine(self) -> ModelFiles:
        """What the model is. Raises ``Unavailable`` for a file that cannot be loaded."""
        self._header()
        return examine_index(self._folder())

    def load(self, dtype: torch.dtype, device: torch.device) -> Any:
        """Its pipeline, on the device. Raises ``Unavailable``."""
        folder = self._folder()
        files = self.examine()
        family = find_family(files.class_name)
        kind: Any = getattr(diffusers, family.home)
        try:
            pipe = kind.from_single_file(
                str(self.path),
                config=str(folder),
                local_files_only=True,
                torch_dtype=dtype,
                **dict.fromkeys((*family.plain_tokenizers, *family.processors)),
                **own_scheduler(files),
                **self._lacking(folder, dtype),
            )
            pipe.register_modules(**read_processors(folder, family))
        except FAILURES as error:
            raise Unavailable(detail=f"it cannot be loaded: {error}") from error
        return pipe.to(device)

    def _folder(self) -> Path:
        if self.parts is None:
            raise Unavailable(
                detail=f"{self.path.name} holds weights only; add parts = the folder of a model of "
                "the same kind in the diffusers format, for its settings and its tokenizer"
            )
        return self.parts

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

    def _lacking(self, folder: Path, dtype: torch.dtype) -> dict[str, Any]:
        """From the folder, the modules that the file does not hold."""
        names = tuple(self._header().shapes)
        return {
            part: load_part(folder, part, dtype)
            for part, prefixes in _HOLDS.items()
            if (folder / part / "config.json").is_file()
            and not any(name.startswith(prefixes) for name in names)
        }
