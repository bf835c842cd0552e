"""Textual inversions: words of a prompt that stand for vectors an operator's files hold.

Each file is one word, by its name. Its vectors become tokens of their own in the model's
tokenizers, and the word is spelled out as those tokens; no other text is read differently.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import AddedToken

from generation.worker.families.base import ModelFiles
from generation.worker.headers import BrokenFileError, read_header

MOST_FILES = 1000
MOST_VECTORS = 75

_NAME = re.compile(r"[^\W_][\w.-]{0,59}")
_WORD = re.compile(r"[^\W_][\w.-]*")
_PAIRS = (("text_encoder", "tokenizer"), ("text_encoder_2", "tokenizer_2"))


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingFile:
    """A usable file: how many ``vectors`` it has, and of which ``widths``, one for each encoder."""

    name: str
    path: Path
    vectors: int
    widths: frozenset[int]

    def suits(self, files: ModelFiles) -> bool:
        """Whether it was made for a model with such text encoders."""
        own = {files.number(part, "hidden_size", 0) for part, _ in _PAIRS if files.has(part)}
        return bool(own) and own == self.widths


def find_embeddings(
    places: Sequence[Path],
) -> tuple[tuple[EmbeddingFile, ...], tuple[str, ...]]:
    """Every textual inversion in folders and their subfolders, and the problems met."""
    found: dict[str, EmbeddingFile] = {}
    problems: list[str] = []
    for path in _files(places, problems):
        if len(found) == MOST_FILES:
            problems.append(f"embeddings: more than {MOST_FILES} files; the rest are left out")
            break
        try:
            found.setdefault(path.stem.casefold(), _examine(path))
        except BrokenFileError as error:
            problems.append(f"embedding {path.name}: {error}")
    return tuple(found.values()), tuple(problems)


@dataclass(frozen=True, kw_only=True, slots=True)
class Embeddings:
    """The words that a loaded model knows besides its own, and how each is spelled in tokens."""

    spellings: Mapping[str, str] = field(default_factory=dict)

    def spelled(self, text: str) -> str:
        """The text with every such word, in any case, as its tokens."""
        if not self.spellings:
            return text
        return _WORD.sub(lambda found: self._spelling(found[0]), text)

    def _spelling(self, word: str) -> str:
        bare = word.rstrip(".-")  # the end of a sentence is none of the word's
        known = self.spellings.get(bare.casefold())
        return word if known is None else known + word[len(bare) :]


def teach(base: Any, files: Iterable[EmbeddingFile]) -> tuple[Embeddings, tuple[str, ...]]:
    """Give a model's tokenizers and text encoders the files' words; also the problems met."""
    spellings: dict[str, str] = {}
    vectors: list[list[torch.Tensor]] = []
    problems: list[str] = []
    for file in files:
        try:
            tensors = [_matrix(tensor) for tensor in load_file(file.path).values()]
        except Exception as error:  # noqa: BLE001  # a broken file is a problem, not a crash
            problems.append(f"embedding {file.name}: it cannot be read ({type(error).__name__})")
            continue
        number = len(spellings)
        tokens = [_token(number, index) for index in range(file.vectors)]
        spellings[file.name.casefold()] = "".join(tokens)
        vectors.append(tensors)
    for part, tokenizer in _PAIRS:
        if spellings and getattr(base, part, None) is not None:
            _extend(getattr(base, part), getattr(base, tokenizer), vectors)
    return Embeddings(spellings=spellings), tuple(problems)


def _extend(encoder: Any, tokenizer: Any, vectors: list[list[torch.Tensor]]) -> None:
    """Add a row to the encoder's table for each vector of its width, and a token that means it."""
    width = int(encoder.config.hidden_size)
    ids: list[int] = []
    rows: list[torch.Tensor] = []
    for number, tensors in enumerate(vectors):
        (fitting,) = [tensor for tensor in tensors if tensor.shape[1] == width]
        names = [_token(number, index) for index in range(len(fitting))]
        tokenizer.add_tokens([AddedToken(name, normalized=False) for name in names])
        ids += tokenizer.convert_tokens_to_ids(names)
        rows.append(fitting)
    known = encoder.get_input_embeddings().num_embeddings
    encoder.resize_token_embeddings(max(known, max(ids) + 1), mean_resizing=False)
    for module in encoder.modules():
        if hasattr(module, "eos_token_id"):
            # Older configs leave a number there that means "the highest token is the end".
            module.eos_token_id = tokenizer.eos_token_id
    table = encoder.get_input_embeddings().weight
    table.requires_grad_(requires_grad=False)
    with torch.no_grad():
        table[ids] = torch.cat(rows).to(table.device, table.dtype)


def _token(number: int, index: int) -> str:
    return f"<easel-{number}-{index}>"


def _files(places: Sequence[Path], problems: list[str]) -> Iterator[Path]:
    for place in places:
        if not place.is_dir():
            problems.append(f"embeddings: there is no folder {place}")
        for folder, inner, names in os.walk(place):
            inner.sort()
            for name in sorted(names):
                path = Path(folder, name)
                if path.suffix.lower() == ".safetensors":
                    yield path
                elif path.suffix.lower() in {".pt", ".pth", ".bin"}:
                    problems.append(f"embedding {name}: only .safetensors files are read")


def _examine(path: Path) -> EmbeddingFile:
    if not _NAME.fullmatch(path.stem) or path.stem[-1] in ".-":
        raise BrokenFileError("rename it: it is one word of letters, digits, dots, - and _")
    shapes = [_as_matrix(shape) for shape in read_header(path).shapes.values()]
    if not 1 <= len(shapes) <= len(_PAIRS) or any(len(shape) != 2 for shape in shapes):
        raise BrokenFileError("it is no textual inversion")
    counts, widths = {shape[0] for shape in shapes}, {shape[1] for shape in shapes}
    (count,) = counts if len(counts) == 1 else (0,)
    if not 1 <= count <= MOST_VECTORS or len(widths) != len(shapes):
        raise BrokenFileError("it is no textual inversion")
    return EmbeddingFile(name=path.stem, path=path, vectors=count, widths=frozenset(widths))


def _as_matrix(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, *shape) if len(shape) == 1 else shape


def _matrix(tensor: torch.Tensor) -> torch.Tensor:
    return tensor[None] if tensor.dim() == 1 else tensor
