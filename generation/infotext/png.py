"""Settings text in PNG files: their chunks, one by one, without touching the pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from generation.errors import BadImage

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORD = b"parameters"
TEXT_LIMIT = 64 * 1024
"""Bytes of settings text that are read from a file, unpacked."""

_MOST_TEXTS = 4  # texts of that keyword that are tried: each may have to be unpacked

Chunk = tuple[bytes, bytes]
"""A chunk's type and its body."""


def embed_png(png: bytes, text: str) -> bytes:
    """The same PNG with the text as ``parameters``, in place of any it had. Pixels untouched.

    Raises ``BadImage`` when the bytes are no well-formed PNG.
    """
    kept = [item for item in _whole(png) if not _has_keyword(item, KEYWORD)]
    head, rest = kept[0], kept[1:]
    return PNG_SIGNATURE + b"".join(chunk(*item) for item in (head, text_chunk(text), *rest))


def read_png(png: bytes) -> str | None:
    """The ``parameters`` text of a PNG, or None. Raises ``BadImage`` when it is no whole PNG."""
    for _ in _whole(png):
        pass
    return find_in_png(png)


def find_in_png(data: bytes) -> str | None:
    """The ``parameters`` text of a PNG, or None, as far as the bytes go: more may be missing."""
    tries = 0
    for item in chunks(data):
        if not _has_keyword(item, KEYWORD):
            continue
        tries += 1
        text = _text(item)
        if text is not None or tries == _MOST_TEXTS:
            return text
    return None


def has_text(data: bytes, keyword: bytes) -> bool:
    """Whether a PNG carries a text of that name."""
    return any(_has_keyword(item, keyword) for item in chunks(data))


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG up to its end, or to where the bytes end or make no sense."""
    if not data.startswith(PNG_SIGNATURE):
        return
    at = len(PNG_SIGNATURE)
    kind = b""
    while kind != b"IEND" and at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            return
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk as it stands in a file: with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def text_chunk(text: str) -> Chunk:
    """The chunk that holds the text as ``parameters``."""
    try:
        return b"tEXt", KEYWORD + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        # Neither compressed nor in a language: the three empty fields before the text.
        return b"iTXt", KEYWORD + b"\0\0\0\0\0" + text.encode("utf-8", "replace")


def _whole(png: bytes) -> list[Chunk]:
    found = list(chunks(png))
    if not found or found[-1][0] != b"IEND":
        raise BadImage(detail="no whole PNG")
    return found


def _has_keyword(item: Chunk, keyword: bytes) -> bool:
    kind, body = item
    return kind in {b"tEXt", b"iTXt", b"zTXt"} and body.startswith(keyword + b"\0")


def _text(item: Chunk) -> str | None:
    """What a text chunk says; None when it is too long or broken."""
    kind, body = item
    _, _, rest = body.partition(b"\0")
    if kind == b"tEXt":
        return rest.decode("latin-1") if len(rest) <= TEXT_LIMIT else None
    if kind == b"zTXt":
        packed = _unpacked(rest[1:])
        return None if packed is None else packed.decode("latin-1")
    is_packed = rest[:1] == b"\1"
    parts = rest[2:].split(b"\0", 2)  # language, translated keyword, text
    if len(parts) < 3:
        return None
    plain = _unpacked(parts[2]) if is_packed else parts[2]
    return None if plain is None or len(plain) > TEXT_LIMIT else plain.decode("utf-8", "replace")


def _unpacked(data: bytes) -> bytes | None:
    """Unpack no more than may be read, however much it would become."""
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(data, TEXT_LIMIT + 1)
    except zlib.error:
        return None
    return plain if unpacker.eof and len(plain) <= TEXT_LIMIT else None
