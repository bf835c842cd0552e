"""Textual inversions: words of a prompt that stand for the vectors of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from generation.worker.embeddings import Embeddings, find_embeddings
from generation.worker.gatherer import Gatherer
from tests.generation.canvas import DEMO, Canvas, random_model

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries' own, while they load a model

WIDTH = 128  # of the demo model's text encoder


def vectors(count: int, width: int = WIDTH) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(count))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embeddings")
    (folder / "more").mkdir()
    save_file({"emb_params": vectors(3)}, folder / "badhands.safetensors")
    save_file({"<sks>": vectors(1)[0]}, folder / "more" / "Sks-2.safetensors")
    save_file({"clip_l": vectors(2, 768), "clip_g": vectors(2, 1280)}, folder / "xl.safetensors")
    return folder


@pytest.fixture(scope="module")
def canvas(folder: Path, device: Gatherer) -> Canvas:
    return Canvas(DEMO, device, embeddings=(folder,))


def test_those_that_fit_the_model_are_offered_and_the_rest_told(canvas: Canvas) -> None:
    assert canvas.model.info.embeddings == ("badhands", "Sks-2")
    assert canvas.problems == ("embedding xl: it is made for none of the models here",)


def test_the_word_stands_for_the_files_vectors(canvas: Canvas) -> None:
    base = canvas.model.base
    tokens = base.tokenizer(canvas.model.prompts._embeddings.spelled("a BadHands, sks-2."))
    ids = tokens.input_ids[1:-1]
    rows = base.text_encoder.get_input_embeddings().weight[ids]
    assert torch.equal(rows[1:4], vectors(3))
    assert torch.equal(rows[5:6], vectors(1))
    assert len(ids) == 7


def test_the_word_changes_the_picture_and_others_do_not(canvas: Canvas) -> None:
    bare = Canvas(DEMO, canvas.gatherer)
    assert torch.equal(canvas.draw(), bare.draw())
    assert torch.equal(canvas.embedding("a badhandsome star"), bare.embedding("a badhandsome star"))
    assert not torch.equal(canvas.embedding("a badhands star"), bare.embedding("a badhands star"))
    assert not torch.equal(canvas.draw(prompt="a red circle, badhands"), bare.draw())


def test_it_can_be_emphasised_and_used_against(canvas: Canvas) -> None:
    plain, strong = canvas.embedding("a badhands"), canvas.embedding("a (badhands:1.4)")
    assert not torch.equal(plain, strong)
    assert not torch.equal(canvas.draw(negative_prompt="badhands"), canvas.draw())


def test_words_are_found_whole_and_in_any_case() -> None:
    embeddings = Embeddings(spellings={"a-b": "<1>", "c.d": "<2>"})
    assert embeddings.spelled("A-b, (a-b:1.2) a-bc xa-b c.d. c.d-") == (
        "<1>, (<1>:1.2) a-bc xa-b <2>. <2>-"
    )
    assert Embeddings().spelled("a-b") == "a-b"


def test_both_encoders_of_a_model_are_taught(device: Gatherer, tmp_path: Path) -> None:
    probe = Canvas(random_model("sdxl"), device).model.base
    widths = {
        part: int(getattr(probe, part).config.hidden_size)
        for part in ("text_encoder", "text_encoder_2")
    }
    save_file(
        {part: vectors(2, width) for part, width in widths.items()}, tmp_path / "word.safetensors"
    )
    canvas = Canvas(random_model("sdxl"), device, embeddings=(tmp_path,))
    assert canvas.model.info.embeddings == ("word",)
    known, other = canvas.read("a word"), canvas.read("a cat")
    for name in ("prompt_embeds", "pooled_prompt_embeds"):
        assert not torch.equal(known.arguments[name], other.arguments[name])


def test_what_is_no_textual_inversion_is_a_problem(tmp_path: Path) -> None:
    save_file({"a": vectors(1), "b": vectors(1), "c": vectors(1)}, tmp_path / "many.safetensors")
    save_file({"a": torch.zeros(2, 2, 2)}, tmp_path / "cube.safetensors")
    save_file({"a": vectors(76)}, tmp_path / "long.safetensors")
    save_file({"a": vectors(1)}, tmp_path / "two words.safetensors")
    (tmp_path / "old.pt").write_bytes(b"\x80\x02")
    (tmp_path / "cut.safetensors").write_bytes(b"\x00")
    found, problems = find_embeddings([tmp_path, tmp_path / "nowhere"])
    assert found == ()
    said = "\n".join(problems)
    for name in ("many", "cube", "long"):
        assert f"embedding {name}.safetensors: it is no textual inversion" in said
    assert "two words.safetensors: rename it" in said
    assert "old.pt: only .safetensors files are read" in said
    assert "cut.safetensors: it is empty or cut short" in said
    assert "there is no folder" in said
    assert len(problems) == 7


def test_a_file_that_breaks_later_is_left_out(device: Gatherer, tmp_path: Path) -> None:
    save_file({"emb_params": vectors(1)}, tmp_path / "good.safetensors")
    file = tmp_path / "bad.safetensors"
    save_file({"emb_params": vectors(1)}, file)
    content = bytearray(file.read_bytes())
    content[content.index(b'"F32"') + 1 : content.index(b'"F32"') + 4] = b"Q99"
    file.write_bytes(content)
    canvas = Canvas(DEMO, device, embeddings=(tmp_path,))
    bare = Canvas(DEMO, device)
    assert not torch.equal(canvas.embedding("good"), bare.embedding("good"))
    assert torch.equal(canvas.embedding("bad"), bare.embedding("bad"))
