"""CLIP's vocabulary, for models whose single file comes without: the merges that OpenAI published.

``merges.txt.gz`` holds the 48,894 merges that every CLIP text encoder was trained with, in their
order (openai/CLIP, MIT licence beside it). Everything else follows from them: 256 bytes as letters,
the same at a word's end, one token for each merge, and the marks for start and end.
"""

from __future__ import annotations

import gzip
from importlib import resources
from typing import Any

from transformers import CLIPTokenizer

TOKENS = 77
_START, _END = "<|startoftext|>", "<|endoftext|>"
_WORD_END = "</w>"
# Bytes that are visible stand for themselves, the other 68 for letters past them.
_LETTERS = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 256 + 68))]


def clip_tokenizer(*, padding: str = _END) -> Any:
    """The tokenizer of CLIP text encoders; ``padding`` is the token that fills a text up."""
    merges: Any = [tuple(line.split()) for line in _lines()]  # as it takes them, if not as it says
    words = [*_LETTERS, *(f"{letter}{_WORD_END}" for letter in _LETTERS)]
    words += ["".join(pair) for pair in merges]
    vocabulary = {word: index for index, word in enumerate([*words, _START, _END])}
    return CLIPTokenizer(
        vocab=vocabulary, merges=merges, model_max_length=TOKENS, pad_token=padding
    )


def _lines() -> list[str]:
    packed = resources.files(__name__).joinpath("merges.txt.gz").read_bytes()
    return gzip.decompress(packed).decode().splitlines()
