"""The settings text inside a picture, as A1111 writes it and many tools read it."""

from __future__ import annotations

import json
import string
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from generation.errors import BadImage
from generation.prompt.text import one_line
from generation.types import Params, Task

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORD = b"parameters"
TEXT_LIMIT = 64 * 1024
"""Bytes of settings text that ``read_png`` accepts."""

_NEGATIVE = "Negative prompt:"
_FORGEABLE = (_NEGATIVE, "Steps:")
_KEY_LETTERS = frozenset(string.ascii_letters + string.digits + "_ -/")
_FEWEST_PAIRS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Infotext:
    """Settings text, taken apart. ``fields`` keeps the text's names and order."""

    prompt: str
    negative_prompt: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def write(
    params: Params, *, seed: int, model_title: str | None = None, program: str = "Easel"
) -> str:
    """The settings of one picture, as text that A1111 and Civitai read back.

    Prompts become one line and cannot imitate other fields. Holds nothing of the machine:
    no paths, no hosts, no owner.
    """
    fields: dict[str, str] = {"Steps": str(params.steps), "Sampler": params.sampler}
    fields["Schedule type"] = params.scheduler
    fields["CFG scale"] = f"{params.guidance_scale:g}"
    fields["Seed"] = str(seed)
    fields["Size"] = f"{params.width}x{params.height}"
    fields["Model"] = model_title or params.model
    if params.task is not Task.TXT2IMG:
        fields["Denoising strength"] = f"{params.strength:g}"
    if params.loras:
        fields["LoRAs"] = ", ".join(f"{lora.name}:{lora.weight:g}" for lora in params.loras)
    fields["Version"] = program
    lines = [_harmless(params.prompt)]
    if params.negative_prompt:
        lines.append(f"{_NEGATIVE} {one_line(params.negative_prompt)}")
    lines.append(", ".join(f"{key}: {_quoted(one_line(value))}" for key, value in fields.items()))
    return "\n".join(lines).strip()


def parse(text: str) -> Infotext:
    """Take settings text apart by A1111's rules. Any text is accepted: at worst it is a prompt.

    Linear in its length: nothing backtracks.
    """
    lines = text.strip().split("\n")
    fields = dict(_pairs(lines[-1]))
    if len(fields) < _FEWEST_PAIRS:
        fields = {}
    else:
        lines.pop()
    prompt: list[str] = []
    negative: list[str] = []
    target = prompt
    for line in (raw.strip() for raw in lines):
        if line.startswith(_NEGATIVE):
            target = negative
            target.append(line[len(_NEGATIVE) :].strip())
        else:
            target.append(line)
    return Infotext(
        prompt="\n".join(prompt).strip(), negative_prompt="\n".join(negative).strip(), fields=fields
    )


def embed_png(png: bytes, text: str) -> bytes:
    """The same PNG with the text as ``parameters``, in place of any it had. Pixels untouched.

    Raises ``BadImage`` when the bytes are no well-formed PNG.
    """
    chunks = [chunk for chunk in _chunks(png) if not _is_settings(chunk)]
    head, rest = chunks[0], chunks[1:]
    return PNG_SIGNATURE + b"".join(_packed(chunk) for chunk in (head, _text_chunk(text), *rest))


def read_png(png: bytes) -> str | None:
    """The ``parameters`` text of a PNG, or None. Raises ``BadImage`` when it is no PNG."""
    for kind, body in _chunks(png):
        if not _is_settings((kind, body)) or len(body) > TEXT_LIMIT:
            continue
        rest = body[len(KEYWORD) + 1 :]
        if kind == b"tEXt":
            return rest.decode("latin-1")
        is_compressed, rest = rest[:1] != b"\0", rest[2:]
        if is_compressed:
            continue
        parts = rest.split(b"\0", 2)  # language, translated keyword, text
        return parts[2].decode("utf-8", "replace") if len(parts) == 3 else None
    return None


def user_comment(text: str) -> bytes:
    """The text as an EXIF UserComment, the way A1111 writes it into JPEG and WebP."""
    return b"UNICODE\0" + text.encode("utf-16-be", "replace")


def read_user_comment(comment: bytes) -> str | None:
    """The text of an EXIF UserComment that ``user_comment`` wrote, or None."""
    if not comment.startswith(b"UNICODE\0"):
        return None
    return comment[8:].decode("utf-16-be", "replace")


def _harmless(prompt: str) -> str:
    """One line that no reader takes for another field: readers look at the start of a line."""
    line = one_line(prompt)
    for start in _FORGEABLE:
        if line.startswith(start):
            return f"{start[:-1]} {line[len(start) - 1 :]}"
    return line


def _quoted(value: str) -> str:
    if any(mark in value for mark in ',:\n"'):
        return json.dumps(value, ensure_ascii=False)
    return value


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """The ``key: value`` pairs of a settings line; text that is no pair is skipped."""
    at = 0
    while at < len(line):
        colon = line.find(":", at)
        if colon < 0:
            return
        comma = line.rfind(",", at, colon)
        key = line[comma + 1 if comma >= 0 else at : colon].strip()
        value, at = _value(line, colon + 1)
        is_key = len(key) > 1 and key[0] not in " -/" and _KEY_LETTERS.issuperset(key)
        if is_key and value:
            yield key, value


def _value(line: str, at: int) -> tuple[str, int]:
    while at < len(line) and line[at] == " ":
        at += 1
    if at < len(line) and line[at] == '"':
        end = _closing_quote(line, at + 1)
        after = end + 1
        if end > 0 and (after == len(line) or line[after] == ","):
            try:
                return str(json.loads(line[at : end + 1])), after + 1
            except ValueError:
                return line[at : end + 1], after + 1
    comma = line.find(",", at)
    end = comma if comma >= 0 else len(line)
    return line[at:end].strip(), end + 1


def _closing_quote(line: str, at: int) -> int:
    while at < len(line):
        if line[at] == "\\":
            at += 2
            continue
        if line[at] == '"':
            return at
        at += 1
    return -1


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not png.startswith(PNG_SIGNATURE):
        raise BadImage(detail="no PNG signature")
    at = len(PNG_SIGNATURE)
    kind = b""
    while kind != b"IEND":
        if at + 12 > len(png):
            raise BadImage(detail="PNG ends inside a chunk")
        length, kind = struct.unpack_from(">I4s", png, at)
        if at + 12 + length > len(png):
            raise BadImage(detail="PNG chunk longer than the file")
        yield kind, png[at + 8 : at + 8 + length]
        at += 12 + length


def _is_settings(chunk: tuple[bytes, bytes]) -> bool:
    kind, body = chunk
    return kind in {b"tEXt", b"iTXt", b"zTXt"} and body.startswith(KEYWORD + b"\0")


def _text_chunk(text: str) -> tuple[bytes, bytes]:
    try:
        return b"tEXt", KEYWORD + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        # Neither compressed nor in a language: the three empty fields before the text.
        return b"iTXt", KEYWORD + b"\0\0\0\0\0" + text.encode("utf-8", "replace")


def _packed(chunk: tuple[bytes, bytes]) -> bytes:
    kind, body = chunk
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
