"""Any text is readable: the vocabulary covers every byte there is."""

import pytest
from transformers import CLIPTokenizer

from generation.demo_model import MODEL_DIR
from generation.demo_model.text import token_ids
from generation.demo_model.tokenizer import (
    BOS_ID,
    EOS_ID,
    MAX_TOKENS,
    VOCABULARY_SIZE,
    learn_tokenizer,
)

CAPTIONS = ["a red circle on a blue background", "two green stars", "a house at night"] * 20


@pytest.fixture(scope="module", params=["shipped", "learnt"])
def tokenizer(request: pytest.FixtureRequest) -> CLIPTokenizer:
    if request.param == "learnt":
        return learn_tokenizer(CAPTIONS)
    shipped: CLIPTokenizer = CLIPTokenizer.from_pretrained(
        MODEL_DIR / "tokenizer", local_files_only=True
    )
    return shipped


def test_the_vocabulary_has_its_fixed_size_and_ends(tokenizer: CLIPTokenizer) -> None:
    assert len(tokenizer) == VOCABULARY_SIZE
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (BOS_ID, EOS_ID)
    assert tokenizer.model_max_length == MAX_TOKENS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \t\n ",
        "日本の山",
        "🎨🚀 e\u0301",
        "\u202eabc\u200d\ufeff",
        "\x00\x07 control",
        "العربية עברית ไทย",
        "\U0010ffff \ud7ff",
        "<|endoftext|> red",
        "a red circle " * 100,
    ],
)
def test_any_unicode_becomes_a_row_of_known_tokens(tokenizer: CLIPTokenizer, text: str) -> None:
    ids = token_ids(tokenizer, [text])
    assert tuple(ids.shape) == (1, MAX_TOKENS)
    assert 0 <= int(ids.min()) <= int(ids.max()) < VOCABULARY_SIZE
    assert int(ids[0, 0]) == BOS_ID
    assert int(ids[0, -1]) == EOS_ID


def test_foreign_words_keep_their_bytes(tokenizer: CLIPTokenizer) -> None:
    ids = tokenizer("héllo 日本", add_special_tokens=False).input_ids
    assert EOS_ID not in ids
    assert tokenizer.decode(ids) == "héllo 日本"


def test_common_words_are_one_token_each() -> None:
    tokenizer = CLIPTokenizer.from_pretrained(MODEL_DIR / "tokenizer", local_files_only=True)
    words = ["red", "circle", "background", "star", "house", "night"]
    assert [len(tokenizer(word, add_special_tokens=False).input_ids) for word in words] == [1] * 6
