"""Teaches the text encoder to read, without pictures: from a caption, name everything it says."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from generation.demo_model.architecture import TEXT_WIDTH, new_text_encoder
from generation.demo_model.captions import Caption, describe
from generation.demo_model.checkpoints import MovingAverage, resume, save_state
from generation.demo_model.domain import SLOTS, draw_lots
from generation.demo_model.tokenizer import MAX_TOKENS, learn_tokenizer

log = logging.getLogger(__name__)

_BATCH = 128
_EMPTY_SHARE = 0.02
_PEAK_RATE = 1.5e-3


class Reader(nn.Module):
    """The text encoder with one classifier per slot, at the end of the text and over its mean.

    Asking both places spreads the answer over all tokens, where the UNet's pooling and its
    cross-attention find it without learning to read.
    """

    def __init__(self, encoder: CLIPTextModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.at_end = nn.ModuleDict({s: nn.Linear(TEXT_WIDTH, len(v)) for s, v in SLOTS.items()})
        self.over_mean = nn.ModuleDict({s: nn.Linear(TEXT_WIDTH, len(v)) for s, v in SLOTS.items()})

    def forward(self, tokens: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Logits by slot, twice, for tokens (n, ``MAX_TOKENS``)."""
        hidden = self.encoder(input_ids=tokens).last_hidden_state
        end = hidden[torch.arange(len(tokens)), (tokens == tokens.max()).int().argmax(1)]
        mean = hidden.mean(1)
        return (
            {slot: head(end) for slot, head in self.at_end.items()},
            {slot: head(mean) for slot, head in self.over_mean.items()},
        )


def new_tokenizer() -> CLIPTokenizer:
    """The tokenizer of this language; the same every time."""
    rng = Random("tokenizer")
    return learn_tokenizer(describe(draw_lots(rng), rng).text for _ in range(40_000))


def token_ids(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
    """The texts as (n, ``MAX_TOKENS``) ids, cut and padded exactly as the pipeline does."""
    ids: Tensor = tokenizer(
        list(texts),
        padding="max_length",
        max_length=MAX_TOKENS,
        truncation=True,
        return_tensors="pt",
    ).input_ids
    return ids


def train_text_encoder(
    out: Path, tokenizer: CLIPTokenizer, *, steps: int, device: torch.device
) -> CLIPTextModel:
    """The trained encoder; goes on from ``out/text.pt`` where that exists."""
    reader = Reader(new_text_encoder()).to(device)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=_PEAK_RATE, weight_decay=0.01)
    average = MovingAverage(reader, decay=0.995)
    begin = resume(out / "text.pt", reader, optimizer, average)
    began = time.monotonic()
    for step in range(begin, steps):
        rate = min(1.0, (step + 1) / 100) * max(0.02, 1 - step / steps)
        for group in optimizer.param_groups:
            group["lr"] = _PEAK_RATE * rate
        loss = _loss(reader, tokenizer, _captions(Random(f"text {step}"), _BATCH), device)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        average.update(reader)
        if step % 200 == 199:
            seconds = time.monotonic() - began
            log.info("text step=%d loss=%.4f s=%.0f", step + 1, float(loss.detach()), seconds)
        if step % 500 == 499 or step == steps - 1:
            states = {"model": reader.state_dict(), "optimizer": optimizer.state_dict()}
            average_state = average.state_dict()
            save_state(out / "text.pt", {**states, "average": average_state, "step": step + 1})
    reader.load_state_dict(average.weights)
    for slot, share in reading_accuracy(reader, tokenizer, device).items():
        log.info("text slot=%s accuracy=%.4f", slot, share)
    return reader.encoder


@torch.no_grad()
def reading_accuracy(
    reader: Reader, tokenizer: CLIPTokenizer, device: torch.device, *, captions: int = 2000
) -> Mapping[str, float]:
    """The share of unseen captions in which each slot is read rightly from the end token."""
    samples = _captions(Random("reading test"), captions)
    logits, _ = reader(token_ids(tokenizer, [sample.text for sample in samples]).to(device))
    answers = _answers(samples, device)
    return {s: float((logits[s].argmax(1) == answers[s]).float().mean()) for s in SLOTS}


def _captions(rng: Random, count: int) -> list[Caption]:
    return [
        Caption(text="") if rng.random() < _EMPTY_SHARE else describe(draw_lots(rng), rng)
        for _ in range(count)
    ]


def _answers(captions: Sequence[Caption], device: torch.device) -> dict[str, Tensor]:
    return {
        slot: torch.tensor([values.index(c.says[slot]) for c in captions], device=device)
        for slot, values in SLOTS.items()
    }


def _loss(
    reader: Reader, tokenizer: CLIPTokenizer, captions: Sequence[Caption], device: torch.device
) -> Tensor:
    tokens = token_ids(tokenizer, [caption.text for caption in captions]).to(device)
    answers = _answers(captions, device)
    total = torch.zeros((), device=device)
    for logits in reader(tokens):
        for slot, answer in answers.items():
            total = total + functional.cross_entropy(logits[slot], answer)
    return total
