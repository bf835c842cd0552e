"""The tokenizer: byte-level BPE in CLIP's layout, learnt from our captions, open to any Unicode."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

VOCABULARY_SIZE = 1000
MAX_TOKENS = 40
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
BOS_ID, EOS_ID = VOCABULARY_SIZE - 2, VOCABULARY_SIZE - 1


def learn_tokenizer(captions: Iterable[str]) -> CLIPTokenizer:
    """A tokenizer of ``VOCABULARY_SIZE`` tokens whose merges come from these captions."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = [*alphabet, *(f"{letter}</w>" for letter in alphabet)]
    known = set(vocabulary)
    merges = []
    for left, right in _learn_merges(captions):
        if len(vocabulary) == VOCABULARY_SIZE - 2:
            break
        if left in known and right in known and left + right not in known:
            merges.append((left, right))
            vocabulary.append(left + right)
            known.add(left + right)
    vocabulary += [f"<|unused{i}|>" for i in range(VOCABULARY_SIZE - 2 - len(vocabulary))]
    vocabulary += [BOS, EOS]
    return CLIPTokenizer(
        vocab={token: index for index, token in enumerate(vocabulary)},
        merges=merges,  # type: ignore[arg-type]  # pairs are what it takes, whatever it says
        model_max_length=MAX_TOKENS,
    )


def _learn_merges(captions: Iterable[str]) -> list[tuple[str, str]]:
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    blank = CLIPTokenizer()
    learner.normalizer = blank.backend_tokenizer.normalizer
    learner.pre_tokenizer = blank.backend_tokenizer.pre_tokenizer
    learner.train_from_iterator(
        captions,
        trainers.BpeTrainer(
            vocab_size=3000,
            min_frequency=8,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            end_of_word_suffix="</w>",
        ),
    )
    merges = json.loads(learner.to_str())["model"]["merges"]
    return [(left, right) for left, right in merges]
