"""Tokenizers without a vocabulary file: every letter is a token."""

from __future__ import annotations

from typing import Any

from transformers import (
    CLIPTokenizer,
    GemmaTokenizer,
    LlamaTokenizer,
    Qwen2Tokenizer,
    T5Tokenizer,
)

from generation.worker.random_models.parts import Tokens

_BYTES = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 512))]
_CLIP_START, _CLIP_END = 49406, 49407
_LETTER_SCORE = -3.0
VISION_WORDS = (
    *("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
"""Words with a meaning of their own for a model that sees; their places here are their ids."""


def build_tokenizer(tokens: Tokens) -> Any:
    """A tokenizer whose ids fit the published size of the vocabulary."""
    match tokens.kind:
        case "clip":
            return _clip(tokens)
        case "t5":
            return _t5(tokens)
        case "qwen2":
            return _qwen2(tokens)
        case "qwen2-vl":
            return _qwen2_vl(tokens)
        case "gemma":
            return _gemma(tokens)
        case "llama":
            return _llama(tokens)


def _clip(tokens: Tokens) -> Any:
    words = [*_BYTES, *(f"{letter}</w>" for letter in _BYTES)]
    vocabulary = {word: index for index, word in enumerate(words)}
    vocabulary |= {"<|startoftext|>": _CLIP_START, "<|endoftext|>": _CLIP_END}
    padding = {} if tokens.padding is None else {"pad_token": tokens.padding}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=tokens.length, **padding)


def _t5(tokens: Tokens) -> Any:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, _LETTER_SCORE) for letter in _BYTES]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=tokens.length)


def _qwen2(tokens: Tokens) -> Any:
    # Its letters stand for bytes, and the space and the line break are two of them.
    letters = dict.fromkeys([*_BYTES, "Ġ", "Ċ"])
    vocabulary = {letter: index for index, letter in enumerate(letters)}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[], model_max_length=tokens.length)
    tokenizer.chat_template = _CHAT
    return tokenizer


def _qwen2_vl(tokens: Tokens) -> Any:
    letters = dict.fromkeys([*VISION_WORDS, *_BYTES, "Ġ", "Ċ"])
    vocabulary = {letter: index for index, letter in enumerate(letters)}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[], model_max_length=tokens.length)
    tokenizer.add_special_tokens({"additional_special_tokens": list(VISION_WORDS)})
    return tokenizer


def _gemma(tokens: Tokens) -> Any:
    words = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *_BYTES]
    vocabulary = {word: index for index, word in enumerate(words)}
    return GemmaTokenizer(vocab=vocabulary, merges=[], model_max_length=tokens.length)


def _llama(tokens: Tokens) -> Any:
    words = ["<unk>", "<s>", "</s>", "▁", *_BYTES]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = LlamaTokenizer(vocab=vocabulary, merges=[], model_max_length=tokens.length)
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
