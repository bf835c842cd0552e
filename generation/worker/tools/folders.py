"""Folders of models in transformers' own layout: checked before anything of them is loaded."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from generation.errors import Unavailable
from generation.worker.headers import BrokenFileError, read_header

FAILURES = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError)
"""What transformers raises at folders that it cannot make a model of."""

_WEIGHTS = "*.safetensors"


def read_config(folder: Path, kinds: Collection[str], purpose: str) -> Mapping[str, Any]:
    """The model's ``config.json``, of one of the ``kinds`` that transformers itself knows.

    Raises ``Unavailable`` for anything that would need code of the folder's own, for pickles and
    for weights that are cut short. ``purpose`` ends "is not a model that …".
    """
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except FileNotFoundError as error:
        raise Unavailable(detail=f"{folder.name} holds no config.json") from error
    except (OSError, ValueError) as error:
        raise Unavailable(detail=f"{folder.name}: config.json cannot be read") from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in kinds:
        own = isinstance(config, dict) and "auto_map" in config
        why = "; it brings code of its own, which is never run" if own else ""
        raise Unavailable(detail=f"{folder.name} is not a model that {purpose} ({kind}){why}")
    _check_weights(folder)
    return config  # type: ignore[no-any-return]  # an object, as its kind was read


def load_weights(kind: Any, folder: Path) -> Any:
    """The class's module with the folder's weights, in float32, for use alone.

    Raises ``Unavailable``.
    """
    module = load(kind, folder, use_safetensors=True, dtype=torch.float32)
    return module.eval().requires_grad_(requires_grad=False)


def load(kind: Any, folder: Path, **options: Any) -> Any:
    """What the class makes of the folder, without network or code. Raises ``Unavailable``."""
    try:
        return kind.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, **options
        )
    except (*FAILURES, SafetensorError) as error:
        first = str(error).partition("\n")[0]
        raise Unavailable(detail=f"{folder.name} cannot be loaded: {first}") from error


def _check_weights(folder: Path) -> None:
    files = sorted(folder.glob(_WEIGHTS))
    if not files:
        raise Unavailable(detail=f"{folder.name} holds no {_WEIGHTS} file; pickles are not read")
    for file in files:
        try:
            read_header(file)
        except BrokenFileError as error:
            raise Unavailable(detail=f"{folder.name}/{file.name}: {error}") from error
