"""Prompts as conditions: each text is encoded once, in one place, and remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from generation.prompt.emphasis import Phrase, read_phrases
from generation.worker import clip
from generation.worker.adapters import Adapters, Outfit
from generation.worker.embeddings import Embeddings
from generation.worker.families.base import Conditions, Family
from generation.worker.looking import Sight

_SHOWN = 60
_EMBEDS = "prompt_embeds"


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """A text as the arguments of one picture, and a note when its end did not fit."""

    conditions: Conditions
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One of the prompts that AND joins, as the arguments of all pictures, with its weight."""

    conditions: Mapping[str, Any]
    weight: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """A job's texts as a pipeline's arguments, and what its member should know of them.

    ``parts`` are there where AND joins prompts; the arguments hold the first of them.
    """

    arguments: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How texts are read: which layer's states, counted from the last, and which LoRAs are on.

    ``sight`` is what is seen meanwhile, for families that read texts together with pictures.
    """

    layer: int = 1
    outfit: Outfit = ()
    sight: Sight | None = None

    def key(self) -> Manner:
        """The same, to be kept in memory."""
        return self if self.sight is None else replace(self, sight=self.sight.forgotten())


class PromptCache:
    """The most recently used texts of one model. For the device's thread alone.

    Tokenizers keep state, so two threads must not use one.
    """

    def __init__(
        self,
        base: Any,
        family: Family,
        size: int,
        *,
        adapters: Adapters | None = None,
        embeddings: Embeddings | None = None,
    ) -> None:
        self._base = base
        self._family = family
        self._size = size
        self._adapters = adapters or Adapters(base, family.denoiser, {})
        self._embeddings = embeddings or Embeddings()
        self._known: OrderedDict[tuple[Phrase, bool, Manner], Encoded] = OrderedDict()

    def arguments(
        self, prompt: str, negative: str | None, count: int, manner: Manner | None = None
    ) -> Texts:
        """Both texts as a pipeline's arguments for ``count`` pictures.

        A ``negative`` of None is left out. The LoRAs of ``manner`` must be held.
        """
        manner = manner or Manner()
        sight = manner.sight if self._family.see is not None else None
        manner = replace(manner, outfit=self._adapters.of_texts(manner.outfit), sight=sight)
        phrases = self._phrases(prompt, "prompt")
        encoded = [self._encoded(phrase, manner, is_negative=False) for phrase in phrases]
        if negative is not None:
            (opposite,) = self._phrases(negative, "negative_prompt")
            encoded.append(self._encoded(opposite, manner, is_negative=True))
        level = self._levelled(encoded, manner, has_negative=negative is not None)
        rows = [self._family.repeat(conditions, count) for conditions in level]
        arguments = dict(rows[0])
        if negative is not None:
            arguments |= {f"negative_{name}": value for name, value in rows[-1].items()}
        parts = tuple(
            Part(conditions=conditions, weight=phrase.weight)
            for phrase, conditions in zip(phrases, rows, strict=False)
        )
        return Texts(
            arguments=arguments,
            notes=tuple(each.note for each in encoded if each.note is not None),
            parts=parts if len(parts) > 1 or parts[0].weight != 1.0 else (),
        )

    def _phrases(self, text: str, option: str) -> tuple[Phrase, ...]:
        if self._family.weigh is None:
            return (Phrase.of(text),)
        return read_phrases(self._embeddings.spelled(text), option=option)

    def _encoded(self, phrase: Phrase, manner: Manner, *, is_negative: bool) -> Encoded:
        """The phrase's conditions, from memory where it was asked for before."""
        key = (replace(phrase, weight=1.0), is_negative, manner.key())
        found = self._known.get(key)
        if found is None:
            self._adapters.wear_for_texts(manner.outfit)
            with torch.inference_mode():
                found = self._encode(phrase, manner, is_negative)
            self._known[key] = found
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return found

    def _encode(self, phrase: Phrase, manner: Manner, is_negative: bool) -> Encoded:
        plain, weigh, layer = phrase.plain, self._family.weigh, manner.layer
        if manner.sight is not None and self._family.see is not None:
            seen = manner.sight.pictures
            conditions = self._family.see(self._base, plain or "", is_negative, seen)
            return Encoded(conditions=conditions)
        if weigh is None or (plain is not None and layer == 1 and not self._lost(plain)):
            text = plain or ""
            conditions = self._family.encode(self._base, text, is_negative)
            return Encoded(conditions=conditions, note=_note(self._lost(text)))
        conditions, lost = weigh(self._base, phrase.chunks, layer)
        return Encoded(conditions=conditions, note=_note(lost))

    def _levelled(
        self, encoded: Sequence[Encoded], manner: Manner, *, has_negative: bool
    ) -> list[Conditions]:
        """Conditions of equal length, as pipelines need them; short texts say nothing more."""
        conditions = [each.conditions for each in encoded]
        if self._family.weigh is None:
            return conditions
        tokens = max(each[_EMBEDS].shape[1] for each in conditions)
        if all(each[_EMBEDS].shape[1] == tokens for each in conditions):
            return conditions
        longer: list[Conditions] = []
        for index, each in enumerate(conditions):
            is_negative = has_negative and index == len(conditions) - 1
            empty = self._encoded(Phrase.of(""), manner, is_negative=is_negative).conditions
            longer.append({**each, _EMBEDS: clip.level(each[_EMBEDS], empty[_EMBEDS], tokens)})
        return longer

    def _lost(self, text: str) -> str:
        """What the model does not see of a text, if it is read as it is."""
        reader = self._family.reader(self._base)
        tokenizer = getattr(self._base, reader.tokenizer)
        room = reader.limit - len(tokenizer("").input_ids)
        ids = tokenizer(text, truncation=False, add_special_tokens=False).input_ids
        return "" if len(ids) <= room else str(tokenizer.decode(ids[room:])).strip()


def _note(lost: str) -> str | None:
    if not lost:
        return None
    shown = lost if len(lost) <= _SHOWN else lost[:_SHOWN] + "…"
    return f"The prompt is too long for the model, which did not see its end: “{shown}”."
