"""JSON as it travels: its type, and small functions that narrow it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"


def decode(text: str | bytes) -> Json:
    """Parse JSON text. Raises `ValueError` where it is not JSON."""
    value: Json = json.loads(text)
    return value


def encode(value: Json) -> str:
    """Write compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def as_object(value: Json) -> JsonObject:
    """Return a dict, empty where `value` is not an object."""
    return dict(value) if isinstance(value, Mapping) else {}


def as_list(value: Json) -> list[Json]:
    """Return a list, empty where `value` is not an array."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return []
    return list(value)


def as_objects(value: Json) -> list[JsonObject]:
    """Return the objects of an array, leaving out whatever else is in it."""
    return [dict(item) for item in as_list(value) if isinstance(item, Mapping)]


def as_text(value: Json, default: str = "") -> str:
    """Return a string, `default` where `value` is something else."""
    return value if isinstance(value, str) else default


def as_int(value: Json, default: int = 0) -> int:
    """Return an integer, also from a string of digits, as Discord itself does."""
    if isinstance(value, bool):
        return default
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return default
    return default


def as_id(value: Json) -> str | None:
    """Return a snowflake as a string; clients also send it as a JSON integer."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and value >= 0:
        return str(value)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return str(int(value))
    return None


def as_ids(value: Json) -> list[str]:
    """Return the snowflakes of an array, leaving out whatever else is in it."""
    found = (as_id(item) for item in as_list(value))
    return [item for item in found if item is not None]


def timestamp(seconds: float) -> str:
    """Write a Unix time as Discord's ISO 8601 with microseconds and offset."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
