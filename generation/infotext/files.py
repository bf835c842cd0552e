"""Settings text in a file of any of the three kinds that carry it, damaged or cut short."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from generation.infotext.exif import read_exif
from generation.infotext.png import PNG_SIGNATURE, chunks, find_in_png, has_text

_MOST_EXIF = 4  # blocks of EXIF that are looked into
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # JPEG markers without a length
_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1


def find_text(data: bytes) -> str | None:
    """The settings text of a PNG, JPEG or WebP file, or None. Never raises.

    The bytes may be a file's beginning. Nothing is decoded but the text: no more work is done
    than the file is long, and no text longer than 64 KiB is read.
    """
    if data.startswith(PNG_SIGNATURE):
        text = find_in_png(data)
        return text if text is not None else _first(_png_exif(data))
    if data.startswith(b"\xff\xd8"):
        return _first(_jpeg_exif(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _first(_webp_exif(data))
    return None


def has_workflow(data: bytes) -> bool:
    """Whether it is a PNG with a workflow of ComfyUI inside, which is a program and no settings."""
    return has_text(data, b"workflow") or has_text(data, b"prompt")


def _first(blocks: Iterator[bytes]) -> str | None:
    for _, block in zip(range(_MOST_EXIF), blocks, strict=False):
        text = read_exif(block)
        if text is not None:
            return text
    return None


def _png_exif(data: bytes) -> Iterator[bytes]:
    return (body for kind, body in chunks(data) if kind == b"eXIf")


def _jpeg_exif(data: bytes) -> Iterator[bytes]:
    """The EXIF blocks before the picture itself."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in {_SCAN, _END}:
            return
        if marker == 0xFF or marker in _STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if marker == _APP1 and body.startswith(b"Exif\0\0"):
            yield body
        at += 2 + max(length, 2)


def _webp_exif(data: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            yield data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
