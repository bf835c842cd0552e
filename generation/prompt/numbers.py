"""Numbers as members type them after a flag."""

from __future__ import annotations

import math

from generation.errors import InvalidParams

_LENGTH = 24
_SHOWN = 20


def read_number(text: str, flag: str, field: str) -> float:
    """A finite number. Raises ``InvalidParams`` about ``field``, naming the flag."""
    text = text.strip()
    try:
        number = float(text) if len(text) <= _LENGTH and text.isascii() else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidParams(field, f"--{flag} needs a number, not “{text[:_SHOWN]}”.")
    return number


def read_whole(text: str, flag: str, field: str) -> int:
    """A whole number, which may be written ``20.0``. Raises ``InvalidParams``."""
    number = read_number(text, flag, field)
    if number != int(number):
        raise InvalidParams(field, f"--{flag} needs a whole number, not {text[:_SHOWN]}.")
    return int(number)
