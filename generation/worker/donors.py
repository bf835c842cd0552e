"""Model folders of the operator's, as far as a single file can take from them what it lacks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from generation.errors import Unavailable
from generation.worker.checkpoints import Checkpoint
from generation.worker.families import find_family

_INDEX = "model_index.json"
_GUIDED = "guidance_embeds"


def donor_for(checkpoint: Checkpoint, folders: Iterable[Path]) -> Path | None:
    """The first of the folders, in diffusers' layout, that is of the same kind of model."""
    wanted = find_family(checkpoint.pipeline)
    for folder in folders:
        class_name = _read(folder / _INDEX).get("_class_name")
        try:
            family = find_family(str(class_name))
        except Unavailable:
            continue
        if family is wanted and _suits(folder / family.denoiser, checkpoint):
            return folder
    return None


def _suits(denoiser: Path, checkpoint: Checkpoint) -> bool:
    """Whether the folder's model takes its guidance as the file's does, if the weights tell."""
    guided = _read(denoiser / "config.json").get(_GUIDED)
    return checkpoint.is_distilled is None or guided is None or guided != checkpoint.is_distilled


def _read(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
