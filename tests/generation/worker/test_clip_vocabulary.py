"""CLIP's own vocabulary: the ids that its text encoders were trained with."""

from __future__ import annotations

from generation.worker.clip_vocabulary import clip_tokenizer


def test_words_have_the_ids_that_openai_s_tokenizer_gives_them() -> None:
    # Taken from the program published with CLIP.
    assert clip_tokenizer()("a photo of a cat").input_ids == [
        *(49406, 320, 1125, 539, 320, 2368, 49407),
    ]
    assert clip_tokenizer()("Hello, world!  naïve 日本 don't").input_ids[1:-1] == [
        *(3306, 267, 1002, 256, 1097, 35689, 563, 39121, 19277, 361, 847, 713),
    ]


def test_it_has_the_size_of_the_encoders_tables() -> None:
    assert len(clip_tokenizer()) == 49408


def test_the_token_that_fills_a_text_up_is_the_model_s() -> None:
    filled = clip_tokenizer(padding="!")("a diagram", padding="max_length").input_ids
    assert (len(filled), filled[-1]) == (77, 0)
    assert clip_tokenizer()("a diagram", padding="max_length").input_ids[-1] == 49407
