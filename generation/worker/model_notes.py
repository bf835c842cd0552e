"""What a model's publisher says of it: its title, the words that wake it, and its licence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from generation.prompt.text import one_line
from generation.worker.headers import BrokenFileError, read_header
from generation.worker.loras.notes import TRIGGER_LENGTH, title_of, triggers_of

LICENCE_LENGTH = 60

_CARD = "README.md"
_CARD_LIMIT = 1024 * 1024
_FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*$", re.DOTALL | re.MULTILINE)
_PAIR = re.compile(r"^([a-z_]+):[ \t]*(.+)$", re.MULTILINE)
_NO_NAME = frozenset({"other", "unknown"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelNotes:
    """For members to read; empty where nothing is said."""

    title: str
    triggers: tuple[str, ...] = ()
    licence: str = ""


def notes_of(path: Path, *, has_card: bool = False) -> ModelNotes:
    """From a model folder's card, or from a file's header and the small files beside it.

    ``has_card``: what lies beside the file is its own card, and not that of any other.
    """
    if path.is_dir():
        card = _card(path)
        prompt = _tidy(card.get("instance_prompt", ""), TRIGGER_LENGTH)
        return ModelNotes(
            title=path.name, triggers=(prompt,) if prompt else (), licence=_licence(card)
        )
    try:
        metadata = read_header(path).metadata
    except BrokenFileError:
        metadata = {}
    own = _tidy(metadata.get("modelspec.license", ""), LICENCE_LENGTH)
    card = _card(path.parent) if has_card else {}
    return ModelNotes(
        title=title_of(metadata, path.stem),
        triggers=triggers_of(metadata, path),
        licence=own or _licence(card),
    )


def _licence(card: Mapping[str, str]) -> str:
    """The licence's name; cards say "other" where it is none of the usual ones."""
    named = [card.get(key, "") for key in ("license", "license_name")]
    known = [each for each in reversed(named) if each and each.lower() not in _NO_NAME]
    return _tidy(known[0], LICENCE_LENGTH) if known else ""


def _card(folder: Path) -> dict[str, str]:
    """The single-line pairs of the front matter (https://huggingface.co/docs/hub/model-cards)."""
    path = folder / _CARD
    try:
        if path.stat().st_size > _CARD_LIMIT:
            return {}
        front = _FRONT.search(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = _PAIR.findall(front[1]) if front else []
    return {key: value.strip().strip("\"'") for key, value in pairs}


def _tidy(text: str, length: int) -> str:
    line = one_line(text[: 4 * length])
    return line if len(line) <= length else ""
