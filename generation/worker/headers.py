"""What a safetensors file says about itself, read from its header without touching a weight."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HEADER_LIMIT = 32 * 1024 * 1024
"""Bytes of header that are read. Real ones, with all their training notes, stay far below."""

_PREFIX = struct.Struct("<Q")
_METADATA = "__metadata__"


class BrokenFileError(Exception):
    """The file cannot be used; the message says why, for the operator."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """``shapes`` are the tensors', by name; ``metadata`` are the file's own notes."""

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]

    @property
    def weights(self) -> int:
        """How many numbers it holds."""
        return sum(math.prod(shape) for shape in self.shapes.values())


def read_header(path: Path) -> Header:
    """The header of a file that is as long as it says it is. Raises ``BrokenFileError``."""
    try:
        with path.open("rb") as file:
            prefix = file.read(_PREFIX.size)
            if len(prefix) < _PREFIX.size:
                raise BrokenFileError("it is empty or cut short; download it again")
            (length,) = _PREFIX.unpack(prefix)
            if length > HEADER_LIMIT:
                raise BrokenFileError("it is no safetensors file")
            text = file.read(length)
            room = path.stat().st_size - _PREFIX.size - length
    except OSError as error:
        raise BrokenFileError(f"it cannot be read: {error.strerror}") from error
    if len(text) < length:
        raise BrokenFileError("it is cut short; download it again")
    try:
        return _parse(json.loads(text), room)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BrokenFileError("it is no safetensors file") from error


def _parse(content: object, room: int) -> Header:
    if not isinstance(content, dict):
        raise TypeError("the header is no object")
    notes = content.pop(_METADATA, {})
    if not isinstance(notes, dict):
        raise TypeError("the notes are no object")
    shapes: dict[str, tuple[int, ...]] = {}
    for name, entry in content.items():
        shape, (_, end) = entry["shape"], entry["data_offsets"]
        if not all(type(number) is int and number >= 0 for number in (*shape, end)):
            raise ValueError("sizes are whole numbers")
        if end > room:
            raise BrokenFileError("it is cut short; download it again")
        shapes[name] = tuple(shape)
    texts = {key: value for key, value in notes.items() if isinstance(value, str)}
    return Header(shapes=shapes, metadata=texts)
