"""Where a model comes from: a folder, a single file, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from generation.errors import Unavailable
from generation.worker.families.base import ModelFiles
from generation.worker.model_folder import Folder
from generation.worker.random_models import is_random
from generation.worker.random_models.source import random_model
from generation.worker.settings import LocalModel
from generation.worker.single_file import SingleFile


class Source(Protocol):
    """A place that holds one model."""

    def examine(self) -> ModelFiles:
        """What the model is, without reading its weights. Raises ``Unavailable``."""
        ...

    def weights(self) -> Mapping[str, int]:
        """How many weights each part has, by its files' headers; empty where that is not told."""
        ...

    def load(self, dtype: torch.dtype, device: torch.device) -> Any:
        """Its pipeline, on the device. Raises ``Unavailable``."""
        ...


def open_source(model: LocalModel, donors: tuple[Path, ...] = ()) -> Source:
    """The place that the model's settings name; ``donors`` are folders for what a file lacks.

    Raises ``Unavailable`` for one that is yet to be downloaded.
    """
    if is_random(model.path):
        return random_model(model.path)
    if model.repo is not None and not model.path.exists():
        raise Unavailable(detail=f"{model.repo} is not on this machine yet; run: easel fetch")
    if model.path.suffix and not model.path.is_dir():
        return SingleFile(path=model.path, parts=model.parts, donors=donors)
    return Folder(path=model.path)
