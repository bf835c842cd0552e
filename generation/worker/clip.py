"""Texts for CLIP encoders: emphasis, more tokens than one chunk holds, and layers left out.

As in A1111: each chunk is encoded by itself and the results are laid end to end; an emphasised
token's vector is multiplied by its weight, after which the chunk gets its old mean back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from generation.prompt.emphasis import Chunk
from generation.worker.placement import device_of

MOST_CHUNKS = 8
_BACK_TO_COMMA = 20  # tokens at a chunk's end that may move on, so that no phrase is torn
_MEAN_MOST = 5.0  # weights around nothing can take the mean away; it is not divided by that


@dataclass(kw_only=True, slots=True)
class Row:
    """A chunk's tokens, without those that begin and end it, and a weight for each."""

    ids: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def take(self, ids: Sequence[int], weight: float) -> None:
        """Add tokens of equal weight."""
        self.ids += ids
        self.weights += [weight] * len(ids)

    def cut(self, at: int) -> Row:
        """Keep ``at`` tokens and give the rest."""
        rest = Row(ids=self.ids[at:], weights=self.weights[at:])
        self.ids, self.weights = self.ids[:at], self.weights[:at]
        return rest


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What an encoder made of a text.

    ``hidden`` is 1 × tokens × width; ``pooled`` is 1 × width, and that of the first chunk.
    """

    hidden: torch.Tensor
    pooled: torch.Tensor


def room(tokenizer: Any) -> int:
    """How many tokens of text a chunk holds."""
    return int(tokenizer.model_max_length) - 2


def lay_out(tokenizer: Any, chunks: Sequence[Chunk]) -> tuple[list[Row], str]:
    """The text in chunks of tokens, at least one, and what of it is past the last."""
    most = room(tokenizer)
    comma = tokenizer(",", add_special_tokens=False).input_ids[-1]
    rows: list[Row] = []
    for chunk in chunks:
        row = Row()
        for span in chunk:
            row.take(_tokens(tokenizer, span.text), span.weight)
        while len(row.ids) > most:
            rest = row.cut(_place_to_cut(row.ids, most, comma))
            rows.append(row)
            row = rest
        rows.append(row)
    lost = [token for row in rows[MOST_CHUNKS:] for token in row.ids]
    return rows[:MOST_CHUNKS], str(tokenizer.decode(lost)).strip() if lost else ""


def read(
    tokenizer: Any, encoder: Any, rows: Sequence[Row], *, pick: Callable[[Any], torch.Tensor]
) -> Read:
    """Encode laid-out rows. ``pick`` takes the hidden states to use out of the encoder's answer."""
    ids = torch.tensor([_framed(tokenizer, row.ids) for row in rows], device=device_of(encoder))
    answer = encoder(ids, output_hidden_states=True)
    hidden = pick(answer)
    weighed = [_weigh(states, row.weights) for states, row in zip(hidden, rows, strict=True)]
    return Read(hidden=torch.cat(weighed)[None], pooled=answer[0][:1])


def level(embeddings: torch.Tensor, empty: torch.Tensor, tokens: int) -> torch.Tensor:
    """Embeddings lengthened to so many tokens, by chunks that say nothing."""
    missing = (tokens - embeddings.shape[1]) // empty.shape[1]
    return torch.cat([embeddings, *[empty] * missing], dim=1) if missing > 0 else embeddings


def _tokens(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, truncation=False, add_special_tokens=False).input_ids)


def _place_to_cut(ids: Sequence[int], most: int, comma: int) -> int:
    for at in range(most, max(most - _BACK_TO_COMMA, 1), -1):
        if ids[at - 1] == comma:
            return at
    return most


def _framed(tokenizer: Any, ids: Sequence[int]) -> list[int]:
    padding = [tokenizer.pad_token_id] * (room(tokenizer) - len(ids))
    return [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id, *padding]


def _weigh(states: torch.Tensor, weights: Sequence[float]) -> torch.Tensor:
    """A chunk's states (tokens × width) with its text's tokens weighed."""
    if all(weight == 1.0 for weight in weights):
        return states
    factors = torch.ones(len(states), device=states.device)
    factors[1 : 1 + len(weights)] = torch.tensor(weights, device=states.device)
    exact = states.float()
    weighed = exact * factors[:, None]
    ratio = (exact.mean() / weighed.mean()).nan_to_num(1.0, 1.0, 1.0)
    weighed *= ratio if 1 / _MEAN_MOST <= float(ratio) <= _MEAN_MOST else 1.0
    return weighed.to(states.dtype)
