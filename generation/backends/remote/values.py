"""Reads JSON that strangers wrote: a value has the type that was asked for, or is a BadReply."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from generation.errors import BadReply

_MOST_WHOLE = 2**63


def mapping(value: object, what: str) -> dict[str, object]:
    """An object's fields. ``what`` names it for the operator."""
    if isinstance(value, dict):
        return value
    raise _wrong(what, "object")


def items(value: object, what: str) -> list[object]:
    """A list's items."""
    if isinstance(value, list):
        return value
    raise _wrong(what, "list")


def mappings(value: object, what: str) -> Iterator[dict[str, object]]:
    """The objects in a list; anything else in it is left out."""
    return (item for item in items(value, what) if isinstance(item, dict))


def text(value: object, what: str) -> str:
    """A text."""
    if isinstance(value, str):
        return value
    raise _wrong(what, "text")


def texts(value: object, what: str) -> list[str]:
    """The texts in a list; anything else in it is left out."""
    return [item for item in items(value, what) if isinstance(item, str)]


def whole(value: object, what: str) -> int:
    """A whole number of at most 64 bits, also one written as 3.0."""
    found = number(value, what)
    if found.is_integer() and abs(found) < _MOST_WHOLE:
        return value if isinstance(value, int) else int(found)
    raise _wrong(what, "whole number")


def number(value: object, what: str) -> float:
    """A finite number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:
            raise _wrong(what, "number") from None
        if math.isfinite(found):
            return found
    raise _wrong(what, "number")


def field_text(fields: Mapping[str, object], name: str) -> str:
    """A field's text, "" where it has none."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _wrong(what: str, wanted: str) -> BadReply:
    return BadReply(detail=f"the server's {what} is no {wanted}")
