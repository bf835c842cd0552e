"""Prompts as the model reads them: emphasis, length, layers, and several prompts at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from generation.errors import Unavailable
from generation.prompt.emphasis import read_phrases
from generation.worker import clip
from generation.worker.clip import MOST_CHUNKS
from generation.worker.gatherer import Gatherer
from tests.generation.canvas import DEMO, Canvas, random_model

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model

PLAIN = "a red circle on a blue background"
ROOM = 38  # tokens of text that the demo model's encoder takes at a time


@pytest.fixture(scope="module")
def canvas(device: Gatherer) -> Canvas:
    return Canvas(DEMO, device)


@pytest.fixture(scope="module")
def large(device: Gatherer) -> Canvas:
    return Canvas(random_model("sdxl"), device)


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().mean())


@pytest.mark.parametrize("prompt", [PLAIN, "", "(a", "smile :)", r"\(red\)"])
def test_a_plain_prompt_is_read_bit_for_bit_as_diffusers_reads_it(
    canvas: Canvas, large: Canvas, prompt: str
) -> None:
    meant = prompt.replace("\\", "")
    for model in (canvas, large):
        assert torch.equal(model.embedding(prompt), model.bare_embedding(meant))


def test_our_own_way_to_encode_gives_the_same_bits(canvas: Canvas, large: Canvas) -> None:
    for model in (canvas, large):
        assert model.model.family.weigh is not None
        (phrase,) = read_phrases(PLAIN)
        with torch.inference_mode():
            conditions, lost = model.model.family.weigh(model.model.base, phrase.chunks, 1)
            expected = model.model.family.encode(model.model.base, PLAIN, False)
        assert lost == ""
        assert conditions.keys() == expected.keys()
        assert all(torch.equal(conditions[name], expected[name]) for name in expected)


def test_a_weight_of_one_is_no_weight(canvas: Canvas) -> None:
    assert torch.equal(canvas.embedding("a (red:1.0) circle"), canvas.embedding("a red circle"))


def test_emphasis_moves_the_embedding_as_far_as_its_weight_says(
    canvas: Canvas, large: Canvas
) -> None:
    for model in (canvas, large):
        plain = model.embedding("a red circle")
        little, much = model.embedding("a (red:1.1) circle"), model.embedding("a (red:1.5) circle")
        assert distance(much, plain) > 3 * distance(little, plain) > 0
        assert torch.equal(little, model.embedding("a (red) circle"))
        assert not torch.equal(model.embedding("a [red] circle"), plain)
        assert float(much.mean()) == pytest.approx(float(plain.mean()), abs=1e-4)


def test_emphasis_touches_the_pooled_embedding_nowhere(large: Canvas) -> None:
    plain, strong = large.read("a red circle"), large.read("a (red:1.5) circle")
    pooled = "pooled_prompt_embeds"
    assert torch.equal(plain.arguments[pooled], strong.arguments[pooled])


def test_emphasis_changes_the_picture(canvas: Canvas) -> None:
    assert not torch.equal(canvas.draw(), canvas.draw(prompt=PLAIN.replace("red", "(red:1.8)")))


def test_a_long_prompt_is_read_in_chunks_to_its_end(canvas: Canvas) -> None:
    long = "red, " * (ROOM - 4)
    read = canvas.read(long, "blurred")
    embedding = read.arguments["prompt_embeds"]
    assert embedding.shape[1] == 2 * (ROOM + 2)
    assert read.notes == ()
    assert not torch.equal(embedding, canvas.embedding(long + "star"))
    negative = read.arguments["negative_prompt_embeds"]
    assert negative.shape == embedding.shape
    assert torch.equal(negative[:, : ROOM + 2], canvas.embedding("blurred"))
    assert torch.equal(negative[:, ROOM + 2 :], canvas.embedding(""))


def test_a_chunk_ends_at_a_comma_rather_than_inside_a_phrase(canvas: Canvas) -> None:
    tokenizer = canvas.model.base.tokenizer
    (phrase,) = read_phrases("red, " * 17 + "a large green star on a white background")
    rows, _ = clip.lay_out(tokenizer, phrase.chunks)
    assert [len(row.ids) for row in rows] == [34, 8]
    assert tokenizer.decode(rows[1].ids).strip() == "a large green star on a white background"


def test_what_is_past_the_last_chunk_is_told(canvas: Canvas) -> None:
    words = "red " * (MOST_CHUNKS * ROOM) + "the unseen end"
    read = canvas.read(words)
    assert read.arguments["prompt_embeds"].shape[1] == MOST_CHUNKS * (ROOM + 2)
    (note,) = read.notes
    assert "did not see" in note
    assert "the unseen end" in note


def test_break_begins_a_new_chunk(canvas: Canvas) -> None:
    embedding = canvas.embedding("a red circle BREAK a star")
    assert torch.equal(embedding[:, : ROOM + 2], canvas.embedding("a red circle"))
    assert torch.equal(embedding[:, ROOM + 2 :], canvas.embedding("a star"))


def test_a_skipped_layer_is_the_one_before_the_last(canvas: Canvas) -> None:
    base = canvas.model.base
    ids = base.tokenizer(PLAIN, padding="max_length", return_tensors="pt").input_ids
    with torch.inference_mode():
        states = base.text_encoder(ids, output_hidden_states=True).hidden_states
        expected = base.text_encoder.final_layer_norm(states[-2])
    assert torch.equal(canvas.embedding(PLAIN, layer=2), expected)
    assert not torch.equal(canvas.draw(clip_skip=2), canvas.draw())
    assert canvas.model.info.max_clip_skip == 2


def test_a_layer_that_a_model_does_not_have_is_a_problem(device: Gatherer) -> None:
    with pytest.raises(Unavailable, match="clip_skip = 3 does not fit this model"):
        Canvas(replace(DEMO, clip_skip=3), device)
    assert Canvas(replace(DEMO, clip_skip=2), device).model.info.clip_skip == 2


def test_an_empty_negative_prompt_of_sdxl_says_nothing_in_every_chunk(large: Canvas) -> None:
    negative = large.read("a cat BREAK a dog", "").arguments["negative_prompt_embeds"]
    assert negative.shape[1] == 2 * 77
    assert not negative.any()


def test_brackets_are_text_to_models_without_clip(device: Gatherer) -> None:
    canvas = Canvas(random_model("z-image"), device)
    assert not canvas.model.info.uses_emphasis
    (weighed,) = canvas.read("a (red:1.5) cat AND a dog").arguments["prompt_embeds"]
    (plain,) = canvas.read("a red cat").arguments["prompt_embeds"]
    assert weighed.shape != plain.shape


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_and_draws_prompts_together(canvas: Canvas, guidance: float) -> None:
    one = canvas.draw(guidance_scale=guidance)
    both = canvas.draw(prompt=f"{PLAIN} AND a star", guidance_scale=guidance)
    assert not torch.equal(both, one)
    swapped = canvas.draw(prompt=f"a star AND {PLAIN}", guidance_scale=guidance)
    assert (both.int() - swapped.int()).abs().max() <= 1


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_and_adds_up_to_the_same_where_it_must(canvas: Canvas, guidance: float) -> None:
    one = canvas.draw(guidance_scale=guidance, count=2)
    nothing = canvas.draw(prompt=f"{PLAIN} AND a star:0", guidance_scale=guidance, count=2)
    halves = canvas.draw(prompt=f"{PLAIN}:0.5 AND {PLAIN}:0.5", guidance_scale=guidance, count=2)
    assert (nothing.int() - one.int()).abs().max() <= 1
    assert (halves.int() - one.int()).abs().max() <= 1


def test_and_works_with_pooled_texts(large: Canvas) -> None:
    one = large.draw(prompt="a cat")
    assert not torch.equal(large.draw(prompt="a cat AND a (large:1.4) dog"), one)
    same = large.draw(prompt="a cat:0.5 AND a cat:0.5")
    assert (same.int() - one.int()).abs().max() <= 1


def test_eta_adds_noise_that_the_seed_repeats(canvas: Canvas) -> None:
    still = canvas.draw(sampler="DDIM")
    noisy = canvas.draw(sampler="DDIM", eta=1.0)
    assert not torch.equal(still, noisy)
    assert torch.equal(noisy, canvas.draw(sampler="DDIM", eta=1.0))
