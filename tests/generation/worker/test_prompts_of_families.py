"""Every family that reads prompts with CLIP keeps the same promises about them."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from generation.worker import clip
from generation.worker.clip import MOST_CHUNKS
from generation.worker.families import FAMILIES
from generation.worker.gatherer import Gatherer
from tests.generation.canvas import Canvas, random_model

NAMES = ("sd15", "sd21", "sdxl")

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model


@pytest.fixture(params=NAMES)
def canvas(request: pytest.FixtureRequest, device: Gatherer) -> Canvas:
    return loaded(request.param, device)


@cache
def loaded(name: str, device: Gatherer) -> Canvas:
    return Canvas(random_model(name), device)


def chunk(canvas: Canvas) -> int:
    """Tokens of a chunk, with those that begin and end it."""
    return clip.room(canvas.model.base.tokenizer) + 2


def test_these_are_all_families_that_weigh_words(device: Gatherer) -> None:
    drawn = {loaded(name, device).model.family.title for name in NAMES}
    weighing = {
        family.title for family in FAMILIES if family.weigh is not None and not family.looks
    }
    assert drawn == weighing


def test_emphasis_and_its_opposite_are_felt(canvas: Canvas) -> None:
    plain = canvas.embedding("a red circle")
    louder, softer = canvas.embedding("a (red:1.4) circle"), canvas.embedding("a [red] circle")
    assert not torch.equal(plain, louder)
    assert not torch.equal(plain, softer)
    assert not torch.equal(louder, softer)


def test_break_begins_a_new_chunk(canvas: Canvas) -> None:
    embedding = canvas.embedding("a red circle BREAK a star")
    size = chunk(canvas)
    assert torch.equal(embedding[:, :size], canvas.embedding("a red circle"))
    assert torch.equal(embedding[:, size:], canvas.embedding("a star"))


def test_a_prompt_of_more_than_77_tokens_is_read_to_its_end(canvas: Canvas) -> None:
    long = "red, " * 30
    embedding = canvas.embedding(long)
    assert embedding.shape[1] > chunk(canvas)
    assert embedding.shape[1] % chunk(canvas) == 0
    assert not torch.equal(embedding, canvas.embedding(f"{long[:-5]}tar, "))


def test_what_was_cut_off_is_said(canvas: Canvas) -> None:
    read = canvas.read("red " * (MOST_CHUNKS * chunk(canvas)))
    assert read.arguments["prompt_embeds"].shape[1] == MOST_CHUNKS * chunk(canvas)
    (note,) = read.notes
    assert "did not see its end: “red red" in note
