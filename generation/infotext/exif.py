"""Settings text in EXIF: the UserComment, found without a general parser of EXIF."""

from __future__ import annotations

import struct

_EXIF_POINTER = 0x8769
_USER_COMMENT = 0x9286
_LONG, _UNDEFINED = 4, 7
_ENTRY = 12
_MOST_ENTRIES = 200
_CODE = 8  # bytes at a comment's start that name its character code
_LIMIT = 2 * 64 * 1024  # two bytes a letter
_ORDERS = {b"II": "<", b"MM": ">"}


def user_comment(text: str) -> bytes:
    """The text as an EXIF UserComment, the way A1111 writes it into JPEG and WebP."""
    return b"UNICODE\0" + text.encode("utf-16-be", "replace")


def read_user_comment(comment: bytes) -> str | None:
    """The text of a UserComment in any of the codes that tools write, or None."""
    code, body = comment[:_CODE], comment[_CODE:]
    if len(comment) > _LIMIT:
        return None
    if code == b"UNICODE\0":
        return _utf16(body)
    if code in {b"ASCII\0\0\0", bytes(_CODE)}:
        return _utf8(body)
    return _utf8(comment)


def read_exif(exif: bytes) -> str | None:
    """The UserComment's text in EXIF data, which starts with its byte order; None without one.

    Looks at two directories and no more, whatever the data's pointers say.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = _ORDERS.get(exif[:2])
    if order is None or len(exif) < 8:
        return None
    first = struct.unpack_from(f"{order}I", exif, 4)[0]
    pointer = _entry(exif, order, first, _EXIF_POINTER)
    if pointer is None or pointer[0] != _LONG:
        return None
    found = _entry(exif, order, pointer[2], _USER_COMMENT)
    if found is None or found[0] != _UNDEFINED:
        return None
    _, count, at = found
    if count > _LIMIT or at + count > len(exif):
        return None
    return read_user_comment(exif[at : at + count])


def _entry(exif: bytes, order: str, at: int, wanted: int) -> tuple[int, int, int] | None:
    """Type, count and value (mostly: where it lies) of a tag in the directory at that place."""
    if at + 2 > len(exif):
        return None
    (count,) = struct.unpack_from(f"{order}H", exif, at)
    for index in range(min(count, _MOST_ENTRIES)):
        place = at + 2 + index * _ENTRY
        if place + _ENTRY > len(exif):
            return None
        tag, kind, length, value = struct.unpack_from(f"{order}HHII", exif, place)
        if tag == wanted:
            return kind, length, value
    return None


def _utf16(body: bytes) -> str:
    """Text in either byte order: A1111 always writes the one, the standard asks for the file's.

    Settings text is mostly ASCII, so the order that gives more of it is the right one.
    """
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", "replace")
    big, little = body[0::2].count(0), body[1::2].count(0)
    return body.decode("utf-16-le" if little > big else "utf-16-be", "replace").rstrip("\0")


def _utf8(body: bytes) -> str | None:
    try:
        return body.decode("utf-8").strip("\0") or None
    except UnicodeDecodeError:
        return None
