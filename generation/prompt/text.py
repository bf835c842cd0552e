"""Prompt text made clean: one Unicode form, no control characters, a bounded length."""

from __future__ import annotations

import unicodedata

from generation.errors import InvalidParams

PROMPT_LENGTH = 2000
"""Characters a prompt or negative prompt may have."""

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_text(text: str, *, option: str = "prompt", limit: int = PROMPT_LENGTH) -> str:
    """One line of NFC text without control characters, at most ``limit`` characters.

    Raises ``InvalidParams`` naming ``option`` when it is longer, or holds half a character
    (a lone surrogate), which no model and no database can take.
    """
    # Normalising can lengthen a text, but never past eighteen times: bound the work first.
    if len(text) > 4 * limit:
        raise _too_long(option, len(text), limit)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidParams(
            option, f"The {_title(option)} holds a broken character. Please type it again."
        )
    line = one_line(unicodedata.normalize("NFC", text))
    if len(line) > limit:
        raise _too_long(option, len(line), limit)
    return line


def one_line(text: str) -> str:
    """The text with every run of white space as one space and control characters dropped."""
    kept = "".join(letter for letter in text if letter.isspace() or _is_printable(letter))
    return " ".join(kept.split())


def _is_printable(letter: str) -> bool:
    if letter in _BIDI_CONTROLS or (ord(letter) & 0xFFFE) == 0xFFFE:
        return False
    return unicodedata.category(letter) != "Cc"


def _too_long(option: str, length: int, limit: int) -> InvalidParams:
    return InvalidParams(
        option, f"The {_title(option)} has {length:,} characters; the most is {limit:,}."
    )


def _title(option: str) -> str:
    return option.replace("_", " ")
