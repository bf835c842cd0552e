"""Frozen dataclasses as JSON values and back, with their bytes set apart."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class PlainError(ValueError):
    """The JSON does not describe the expected type."""


def to_plain(value: object, parts: list[bytes]) -> object:
    """The value in JSON's types. Bytes go to ``parts``; their index stands in their place."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: to_plain(getattr(value, item.name), parts)
            for item in dataclasses.fields(value)
        }
    if isinstance(value, bytes):
        parts.append(value)
        return len(parts) - 1
    if isinstance(value, frozenset):
        return sorted(str(to_plain(item, parts)) for item in value)
    if isinstance(value, tuple):
        return [to_plain(item, parts) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"no plain form for {type(value).__name__}")


def from_plain(kind: type[T], plain: object, parts: Sequence[bytes]) -> T:
    """The dataclass ``kind`` that ``to_plain`` wrote. Raises ``PlainError``."""
    return typing.cast("T", _build(kind, plain, parts))


def _build(kind: Any, plain: object, parts: Sequence[bytes]) -> object:
    kind = getattr(kind, "__supertype__", kind)  # NewType
    origin = typing.get_origin(kind)
    if origin in {types.UnionType, typing.Union}:
        if plain is None:
            return None
        return _build(_meant(kind, plain), plain, parts)
    if origin in {tuple, frozenset}:
        if not isinstance(plain, list):
            raise PlainError(f"a list was expected, not {type(plain).__name__}")
        item_kind = typing.get_args(kind)[0]
        return origin(_build(item_kind, item, parts) for item in plain)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _build_dataclass(kind, plain, parts)
    return _build_scalar(kind, plain, parts)


def _meant(union: Any, plain: object) -> Any:
    """Of a union's kinds, the one that the value is of; of a single one, that one."""
    choices = [choice for choice in typing.get_args(union) if choice is not type(None)]
    return next((choice for choice in choices if type(plain) is choice), choices[0])


def _build_dataclass(kind: type[Any], plain: object, parts: Sequence[bytes]) -> object:
    if not isinstance(plain, Mapping):
        raise PlainError(f"{kind.__name__} must be an object")
    hints = _hints(typing.cast("typing.Hashable", kind))
    if set(plain) != set(hints):
        raise PlainError(f"{kind.__name__} has other fields: {sorted(set(plain) ^ set(hints))}")
    return kind(**{name: _build(hint, plain[name], parts) for name, hint in hints.items()})


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {item.name: hints[item.name] for item in dataclasses.fields(kind)}


def _build_scalar(kind: Any, plain: object, parts: Sequence[bytes]) -> object:
    if kind is bytes:
        if not isinstance(plain, int) or not 0 <= plain < len(parts):
            raise PlainError("bytes that are not there")
        return parts[plain]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _convert(kind, plain)
    if kind is Path and isinstance(plain, str):
        return Path(plain)
    if kind is float and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    if not isinstance(kind, type) or type(plain) is not kind:
        raise PlainError(f"{kind} was expected, not {type(plain).__name__}")
    return plain


def _convert(kind: type[Enum], plain: object) -> Enum:
    try:
        return kind(plain)
    except ValueError as error:
        raise PlainError(str(error)) from error
