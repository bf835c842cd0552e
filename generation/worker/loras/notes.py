"""A LoRA's title and the words that wake it, from its own notes or a file beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from generation.prompt.text import one_line

MOST_TRIGGERS = 5
TRIGGER_LENGTH = 40
TITLE_LENGTH = 80

_SIDECAR_LIMIT = 1024 * 1024
_SIDECARS = (".json", ".civitai.info", ".txt")
_TRIGGER_KEYS = ("activation text", "trainedWords", "trigger_words", "triggers", "trigger_phrase")
_NEARLY_ALWAYS = 0.8  # of the most frequent tag: what is in almost every caption wakes the LoRA
_TAGS_OF_USE = 3  # a trainer's whole vocabulary is no trigger


def title_of(metadata: Mapping[str, str], stem: str) -> str:
    """Its own title where it has one, else its file's name."""
    for key in ("modelspec.title", "ss_output_name"):
        title = _tidy(metadata.get(key, ""), TITLE_LENGTH)
        if title:
            return title
    return _tidy(stem, TITLE_LENGTH)


def triggers_of(metadata: Mapping[str, str], file: Path) -> tuple[str, ...]:
    """Words to write in the prompt: the operator's beside the file, else its trainer's."""
    for words in (_beside(file), _phrase(metadata), _tags(metadata)):
        kept = dict.fromkeys(_tidy(word, TRIGGER_LENGTH) for word in words)
        kept.pop("", None)
        if kept:
            return tuple(kept)[:MOST_TRIGGERS]
    return ()


def _beside(file: Path) -> Iterator[str]:
    for ending in _SIDECARS:
        sidecar = file.with_suffix(ending)
        try:
            if sidecar.stat().st_size > _SIDECAR_LIMIT:
                continue
            text = sidecar.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        yield from _split(text) if ending == ".txt" else _from_json(text)


def _from_json(text: str) -> Iterator[str]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not isinstance(content, dict):
        return
    for key in _TRIGGER_KEYS:
        value = content.get(key)
        for words in value if isinstance(value, list) else [value]:
            if isinstance(words, str):
                yield from _split(words)


def _phrase(metadata: Mapping[str, str]) -> Iterable[str]:
    return _split(metadata.get("modelspec.trigger_phrase", ""))


def _tags(metadata: Mapping[str, str]) -> list[str]:
    """Tags that stand in nearly every caption the trainer counted (``ss_tag_frequency``)."""
    try:
        folders = json.loads(metadata.get("ss_tag_frequency", "{}"))
    except (ValueError, RecursionError):
        return []
    counts: dict[str, int] = {}
    for tags in folders.values() if isinstance(folders, dict) else ():
        for tag, count in tags.items() if isinstance(tags, dict) else ():
            if type(count) is int:
                counts[tag] = counts.get(tag, 0) + count
    least = _NEARLY_ALWAYS * max(counts.values(), default=0)
    often = [tag for tag, count in counts.items() if count >= least]
    often.sort(key=lambda tag: -counts[tag])
    return often if len(often) <= _TAGS_OF_USE else []


def _split(text: str) -> list[str]:
    return re.split(r"[,\n]", text[:2000])


def _tidy(text: str, length: int) -> str:
    """One harmless line of a stranger's text; nothing where it is too long to be of use."""
    line = one_line(text[: 4 * length])
    return line if len(line) <= length else ""
