r"""Emphasis in a prompt, by A1111's rules: ``(word)``, ``(word:1.3)``, ``[word]``, BREAK and AND.

Brackets multiply the weight of what they hold: round ones by 1.1 or the number at their end,
square ones by 1 / 1.1. ``\(``, ``\)``, ``\[``, ``\]`` and ``\\`` are the signs themselves. BREAK
begins a new chunk of tokens; AND joins prompts that are drawn together, each with a weight after
a colon if need be. What opens and is never closed, or closes what is not open, is plain text.

Everything takes time in proportion to the text's length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generation.errors import InvalidParams

STEP = 1.1
MOST_WEIGHT = 4.0
"""The strongest emphasis, to either side of nothing; brackets within brackets stop there."""
MOST_PROMPTS = 4
"""How many prompts AND may join: each is one more pass through the model in every step."""

_CLOSING = {"(": ")", "[": "]"}
_WEIGHT = re.compile(r":\s*([+-]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9}))\s*\)")
_BREAK = re.compile(r"\bBREAK\b")
_AND = re.compile(r"\bAND\b")
_PROMPT_WEIGHT = re.compile(r":\s*([+-]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9}))\s*\Z")
_NUMBER_ROOM = 24  # characters of a prompt's end that can be its weight


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A stretch of text, with how strongly it is meant; 1.0 is plain."""

    text: str
    weight: float = 1.0


Chunk = tuple[Span, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrase:
    """One of the prompts that AND joins. BREAK separates its ``chunks``; there is at least one."""

    chunks: tuple[Chunk, ...]
    weight: float = 1.0

    @classmethod
    def of(cls, text: str) -> Phrase:
        """A text that means what it says, brackets and all."""
        return cls(chunks=((Span(text=text),),))

    @property
    def plain(self) -> str | None:
        """The bare text, if nothing in it is emphasised or broken up."""
        if len(self.chunks) != 1 or any(span.weight != 1.0 for span in self.chunks[0]):
            return None
        return "".join(span.text for span in self.chunks[0])


def read_phrases(text: str, *, option: str = "prompt") -> tuple[Phrase, ...]:
    """The prompt taken apart; at least one phrase, which may be empty.

    Only ``prompt`` itself can have several: a negative prompt's AND is a word. In a text without
    small letters AND and BREAK are words as well. Raises ``InvalidParams`` about ``option`` for a
    weight that is out of bounds, and for too many phrases.
    """
    shouts = text == text.upper()
    parts = [text] if shouts or option != "prompt" else _AND.split(text)
    if len(parts) == 1:
        return (_phrase(text, 1.0, option, breaks=not shouts),)
    weighed = [_take_weight(part, option) for part in parts]
    full = [(part.strip(), weight) for part, weight in weighed if part.strip()]
    if len(full) > MOST_PROMPTS:
        raise InvalidParams(option, f"AND can join at most {MOST_PROMPTS} prompts.")
    phrases = [_phrase(part, weight, option, breaks=True) for part, weight in full]
    return tuple(phrases) or (Phrase(chunks=((),)),)


def _take_weight(part: str, option: str) -> tuple[str, float]:
    start = max(0, len(part) - _NUMBER_ROOM)
    found = _PROMPT_WEIGHT.search(part, start)
    if found is None:
        return part, 1.0
    return part[: found.start()], _bounded(found[1], option)


def _phrase(text: str, weight: float, option: str, *, breaks: bool) -> Phrase:
    chunks: list[list[Span]] = [[]]
    for span in _merged(_spans(text, option)):
        pieces = _BREAK.split(span.text) if breaks else [span.text]
        for index, piece in enumerate(pieces):
            if index:
                chunks.append([])
            if piece.strip() or (piece and len(pieces) == 1):
                chunks[-1].append(Span(text=piece, weight=span.weight))
    full = tuple(tuple(chunk) for chunk in chunks if chunk)
    return Phrase(chunks=full or ((),), weight=weight)


def _merged(spans: Iterator[Span]) -> Iterator[Span]:
    """Neighbours of equal weight as one, so that words are not torn for nothing."""
    texts: list[str] = []
    weight = 1.0
    for span in spans:
        if texts and span.weight != weight:
            yield Span(text="".join(texts), weight=weight)
            texts = []
        weight = span.weight
        texts.append(span.text)
    if texts:
        yield Span(text="".join(texts), weight=weight)


def _spans(text: str, option: str) -> Iterator[Span]:
    signs = _signs(text, option)
    weights = _weights(signs)
    product = [1.0]
    for index, (kind, content, _) in enumerate(signs):
        weight = weights.get(index)
        if kind in _CLOSING and weight is not None:
            product.append(product[-1] * weight)
        elif kind in {")", "]"} and weight is not None:
            product.pop()
        elif content:
            yield Span(text=content, weight=_clamped(product[-1]))


_Sign = tuple[str, str, float | None]
"""A kind (a bracket, or "" for text), its text, and for ``:1.3)`` the number."""


def _signs(text: str, option: str) -> list[_Sign]:
    signs: list[_Sign] = []
    at = start = depth = 0

    def end_text(end: int) -> None:
        if end > start:
            signs.append(("", text[start:end], None))

    while at < len(text):
        letter = text[at]
        if letter == "\\" and text[at + 1 : at + 2] in {"(", ")", "[", "]", "\\"}:
            end_text(at)
            start, at = at + 1, at + 2
            continue
        found = _WEIGHT.match(text, at) if letter == ":" and depth > 0 else None
        if letter not in "()[]" and found is None:
            at += 1
            continue
        end_text(at)
        depth += {"(": 1, ")": -1 if depth else 0, ":": -1}.get(letter, 0)
        if found is not None:
            signs.append((")", found[0], _bounded(found[1], option)))
            at = found.end()
        else:
            signs.append((letter, letter, None))
            at += 1
        start = at
    end_text(at)
    return signs


def _weights(signs: Sequence[_Sign]) -> dict[int, float]:
    """The factor of each bracket that has a partner, by its place; both partners' are equal."""
    found: dict[int, float] = {}
    opened: list[int] = []
    waiting = {"(": 0, "[": 0}
    for index, (kind, _, number) in enumerate(signs):
        if kind in waiting:
            opened.append(index)
            waiting[kind] += 1
        elif kind in {")", "]"}:
            partner = "(" if kind == ")" else "["
            if not waiting[partner]:
                continue
            while signs[opened[-1]][0] != partner:  # opened inside and never closed: text
                waiting[signs[opened.pop()][0]] -= 1
            waiting[partner] -= 1
            plain = STEP if partner == "(" else 1 / STEP
            found[opened.pop()] = found[index] = plain if number is None else number
    return found


def _bounded(number: str, option: str) -> float:
    weight = float(number)
    if not -MOST_WEIGHT <= weight <= MOST_WEIGHT:
        raise InvalidParams(
            option,
            f"A weight in a prompt is from {-MOST_WEIGHT:g} to {MOST_WEIGHT:g}, not {number}. "
            r"If you mean the brackets themselves, write \( and \).",
        )
    return weight


def _clamped(weight: float) -> float:
    return max(-MOST_WEIGHT, min(MOST_WEIGHT, weight))
