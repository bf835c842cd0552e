"""Prompts as embeddings: each text is encoded once, in one place, and remembered."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """A text's embedding, of shape 1 × tokens × width, and a note when its end did not fit."""

    embedding: torch.Tensor
    note: str | None = None


class PromptCache:
    """The most recently used texts of one model. For one thread: tokenizers keep state."""

    def __init__(self, base: Any, device: torch.device, size: int) -> None:
        self._base = base
        self._device = device
        self._size = size
        self._known: OrderedDict[str, Encoded] = OrderedDict()

    def encode(self, text: str) -> Encoded:
        """The text's embedding, from memory where it was asked for before."""
        found = self._known.get(text)
        if found is None:
            found = self._encode(text)
            self._known[text] = found
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        self._known.move_to_end(text)
        return found

    def _encode(self, text: str) -> Encoded:
        with torch.inference_mode():
            embedding, _ = self._base.encode_prompt(text, self._device, 1, False)
        return Encoded(embedding=embedding, note=self._overflow(text))

    def _overflow(self, text: str) -> str | None:
        tokenizer = self._base.tokenizer
        most = int(tokenizer.model_max_length)
        used = len(tokenizer(text, truncation=False).input_ids)
        if used <= most:
            return None
        ids = tokenizer(text, truncation=False).input_ids[most - 1 : -1]
        lost = tokenizer.decode(ids).strip()
        shown = lost if len(lost) <= 60 else lost[:60] + "…"
        return f"The model reads {most - 2} tokens and did not see the rest: “{shown}”."
