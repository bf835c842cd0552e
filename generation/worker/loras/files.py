"""The LoRAs in the operator's folders: a name, a file, what it fits; and what is wrong with others.

Only headers of safetensors files are read. A file that cannot be used is a problem in words.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from generation.backends.base import LoraInfo
from generation.prompt.loras import LORA_LENGTH
from generation.prompt.text import one_line
from generation.worker.headers import BrokenFileError, Header, read_header
from generation.worker.loras.kinds import Kind, kind_of_lora
from generation.worker.loras.notes import title_of, triggers_of

MOST_FILES = 1000
"""LoRAs that are offered; all of them travel to the bot with every model."""

_PICKLES = frozenset({".pt", ".pth", ".bin", ".ckpt"})
_MATRICES = ("lora_down", "lora_a.", "lora.down", "lora_linear_layer.down")
_OTHER_METHODS = ("hada_w1", "lokr_w1", "oft_blocks", "oft_diag")
_UNUSABLE_IN_NAMES = frozenset("<>:,")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraFile:
    """A usable LoRA. ``kind`` is what it was made for, None where that cannot be told."""

    name: str
    path: Path
    kind: Kind | None
    title: str = ""
    triggers: tuple[str, ...] = ()

    def info(self) -> LoraInfo:
        """As members see it."""
        base = "" if self.kind is None else self.kind.title
        return LoraInfo(name=self.name, title=self.title, triggers=self.triggers, base=base)


def find_loras(places: Sequence[Path]) -> tuple[tuple[LoraFile, ...], tuple[str, ...]]:
    """Every LoRA in folders (and their subfolders) or files, by name, and the problems met.

    A name is its file's, without the ending; where two files share one, the first counts.
    """
    found: dict[str, LoraFile] = {}
    problems: list[str] = []
    for path in _files(places, problems):
        if len(found) == MOST_FILES:
            problems.append(f"loras: more than {MOST_FILES} files; the rest are left out")
            break
        before = found.get(path.stem.casefold())
        if before is not None:
            problems.append(f"lora {path.name}: there is another one in {before.path.parent}")
            continue
        try:
            found[path.stem.casefold()] = _read(path)
        except BrokenFileError as error:
            problems.append(f"lora {path.name}: {error}")
    return tuple(found.values()), tuple(problems)


def unfitting(loras: Iterable[LoraFile], kinds: Sequence[Kind]) -> tuple[str, ...]:
    """A problem for each LoRA that no model of these kinds can wear."""
    problems = []
    for lora in loras:
        if lora.kind is None:
            problems.append(f"lora {lora.name}: it does not say for which model it was made")
        elif not any(lora.kind.suits(kind) for kind in kinds):
            problems.append(f"lora {lora.name}: it is made for {lora.kind.title}; no model here is")
    return tuple(problems)


def _files(places: Sequence[Path], problems: list[str]) -> Iterator[Path]:
    for place in places:
        if place.is_file():
            yield place
            continue
        if not place.is_dir():
            problems.append(f"loras: there is no folder {place}")
            continue
        for folder, inner, names in os.walk(place):
            inner.sort()
            for name in sorted(names):
                path = Path(folder, name)
                if path.suffix.lower() == ".safetensors":
                    yield path
                elif path.suffix.lower() in _PICKLES:
                    problems.append(f"lora {name}: only .safetensors files are read")


def _read(path: Path) -> LoraFile:
    name = path.stem
    if len(name) > LORA_LENGTH or one_line(name) != name or _UNUSABLE_IN_NAMES & set(name):
        raise BrokenFileError(
            f"rename it: up to {LORA_LENGTH} characters on one line, without < > : and commas"
        )
    header = read_header(path)
    _require_lora(header)
    return LoraFile(
        name=name,
        path=path,
        kind=kind_of_lora(header),
        title=title_of(header.metadata, name),
        triggers=triggers_of(header.metadata, path),
    )


def _require_lora(header: Header) -> None:
    names = [f"{name.lower()}." for name in header.shapes]
    if any(matrix in name for name in names for matrix in _MATRICES):
        return
    if any(method in name for name in names for method in _OTHER_METHODS):
        raise BrokenFileError("it is a LyCORIS file of a kind that diffusers cannot load")
    raise BrokenFileError("it holds no LoRA")
