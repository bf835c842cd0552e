"""What parent and worker say to each other, and its form on the pipe.

A frame is two big-endian lengths, a JSON header and raw bytes: ``header length``, ``body length``
(four bytes each), then both. The header names the message, holds its fields, and the lengths of
the byte strings that the body is made of.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import BinaryIO

from generation.backends.base import ModelInfo, ToolInfo, Work
from generation.errors import GenerationError
from generation.types import JobId, Progress, Result
from generation.worker.plain import PlainError, from_plain, to_plain
from generation.worker.settings import WorkerSettings

PREFIX = struct.Struct(">II")
HEADER_LIMIT = 16 * 1024 * 1024
"""Bytes. A worker with a thousand LoRAs tells them once for each model."""
BODY_LIMIT = 512 * 1024 * 1024

DETAIL_LENGTH = 500
"""Characters of an error's detail that are worth sending."""

EXIT_OK = 0
EXIT_CANNOT_START = 69
EXIT_DEVICE_LOST = 70
"""The device is in a state that only a new process can leave, such as after a CUDA error."""
EXIT_MEMORY = 71
"""Memory ran out twice in a row; a new process starts with all of it."""


class ProtocolError(Exception):
    """The other side sent something that is no frame, or a frame that is no message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Configure:
    """Parent: the first message, what to load and where."""

    settings: WorkerSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Parent: take this job."""

    work: Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancel:
    """Parent: stop this job. Unknown ids are ignored."""

    job_id: JobId


@dataclass(frozen=True, kw_only=True, slots=True)
class Ping:
    """Parent: a question whether the worker is there."""

    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Rescan:
    """Parent: look at the models' files again, and tell what is offered now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """Parent: stop every job and exit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """Worker: models and tools can be asked for. ``problems`` names those that cannot, and why.

    ``notes`` say how each model is made faster.
    """

    models: tuple[ModelInfo, ...]
    problems: tuple[str, ...]
    device: str
    notes: tuple[str, ...] = ()
    tools: tuple[ToolInfo, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Offered:
    """Worker: what a new look at the files has found, as in ``Ready``."""

    models: tuple[ModelInfo, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """Worker: it cannot start; it exits after this. ``detail`` is for the log."""

    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Resident:
    """Worker: this model now lies in the device's memory; it takes so many jobs at once."""

    model: str
    slots: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """Worker: something about a model that its operator may want to know."""

    model: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Advanced:
    """Worker: a job has done a step."""

    job_id: JobId
    progress: Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """Worker: a job has pictures. Its last message."""

    job_id: JobId
    result: Result


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopped:
    """Worker: a job was cancelled. Its last message."""

    job_id: JobId


@dataclass(frozen=True, kw_only=True, slots=True)
class Fell:
    """Worker: a job failed, with an error's code and sentence. Its last message."""

    job_id: JobId
    code: str
    sentence: str
    detail: str

    @classmethod
    def of(cls, job_id: JobId, error: GenerationError) -> Fell:
        """The message for that error."""
        detail = (error.detail or "")[:DETAIL_LENGTH]
        return cls(job_id=job_id, code=error.code, sentence=error.sentence, detail=detail)


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaving:
    """Worker: it takes no more jobs, tells those it has that they fell, and exits."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Pong:
    """Worker: answer to a ping. ``silent_seconds`` since a running job last showed life."""

    number: int
    silent_seconds: float


ToWorker = Configure | Run | Cancel | Ping | Rescan | Stop
FromWorker = (
    Ready
    | Offered
    | Broken
    | Resident
    | Noted
    | Advanced
    | Finished
    | Stopped
    | Fell
    | Leaving
    | Pong
)
Message = ToWorker | FromWorker

_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (
        *(Configure, Run, Cancel, Ping, Rescan, Stop),
        *(
            Ready,
            Offered,
            Broken,
            Resident,
            Noted,
            Advanced,
            Finished,
            Stopped,
            Fell,
            Leaving,
            Pong,
        ),
    )
}


def encode(message: Message) -> bytes:
    """The message as one frame."""
    parts: list[bytes] = []
    fields = to_plain(message, parts)
    sizes = [len(part) for part in parts]
    header = json.dumps({"kind": type(message).__name__, "fields": fields, "parts": sizes}).encode()
    return b"".join((PREFIX.pack(len(header), sum(sizes)), header, *parts))


def frame_sizes(prefix: bytes) -> tuple[int, int]:
    """Lengths of header and body from a frame's prefix. Raises ``ProtocolError`` past the caps."""
    header, body = PREFIX.unpack(prefix)
    if header > HEADER_LIMIT or body > BODY_LIMIT:
        raise ProtocolError(f"frame too large: {header}+{body} bytes")
    return header, body


def decode(header: bytes, body: bytes) -> Message:
    """The message of a frame. Raises ``ProtocolError``."""
    try:
        outer = json.loads(header)
        kind = _KINDS[outer["kind"]]
        parts = _split(body, [int(size) for size in outer["parts"]])
        return from_plain(kind, outer["fields"], parts)
    except (ValueError, KeyError, TypeError, PlainError, RecursionError) as error:
        raise ProtocolError(f"unreadable frame: {type(error).__name__}: {error}") from error


def read(stream: BinaryIO) -> Message | None:
    """The next message of a blocking stream, or None at its end. Raises ``ProtocolError``."""
    prefix = stream.read(PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < PREFIX.size:
        raise ProtocolError("the stream ended inside a frame")
    header_size, body_size = frame_sizes(prefix)
    header, body = stream.read(header_size), stream.read(body_size)
    if len(header) < header_size or len(body) < body_size:
        raise ProtocolError("the stream ended inside a frame")
    return decode(header, body)


def _split(body: bytes, sizes: list[int]) -> list[bytes]:
    if any(size < 0 for size in sizes) or sum(sizes) != len(body):
        raise ValueError("the parts do not fill the body")
    parts: list[bytes] = []
    at = 0
    for size in sizes:
        parts.append(body[at : at + size])
        at += size
    return parts
