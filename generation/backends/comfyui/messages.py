"""What a ComfyUI server tells over its WebSocket, as JSON and as binary frames."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from generation.backends.remote import values

FEATURES = json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
"""Sent first: then previews say which prompt and node they belong to (frame 4 instead of 1)."""

_PREVIEW = 1
_PREVIEW_WITH_METADATA = 4
_HEADER = struct.Struct(">I")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stepped:
    """A node has done ``value`` of ``most`` steps."""

    prompt: str
    node: str
    value: int
    most: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Entered:
    """A node has begun."""

    prompt: str
    node: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Previewed:
    """What is being drawn. Old servers do not say for which prompt; they draw one at a time."""

    prompt: str | None
    data: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """The prompt has left the machine, whatever came of it; its history is complete."""

    prompt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Broke:
    """A node raised an error."""

    prompt: str
    error: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interrupted:
    """Someone stopped the prompt."""

    prompt: str


Message = Stepped | Entered | Previewed | Finished | Broke | Interrupted


def read_message(received: str | bytes) -> Message | None:
    """The message; None for those that say nothing about a prompt. Raises ``BadReply``."""
    if isinstance(received, bytes):
        return _binary(received)
    try:
        value: object = json.loads(received)
    except (ValueError, RecursionError):
        value = None
    message = values.mapping(value, "message")
    data = message.get("data")
    if not isinstance(data, dict):
        return None
    prompt = values.field_text(data, "prompt_id")
    node = values.field_text(data, "node")
    if message.get("type") == "progress" and prompt:
        return Stepped(
            prompt=prompt,
            node=node,
            value=values.whole(data.get("value"), "step"),
            most=values.whole(data.get("max"), "number of steps"),
        )
    return _turn(message.get("type"), prompt, node, data)


def _turn(kind: object, prompt: str, node: str, data: Mapping[str, object]) -> Message | None:
    """A change of what is being worked on."""
    match kind:
        case "executing" if prompt:
            return Entered(prompt=prompt, node=node) if node else Finished(prompt=prompt)
        case "execution_error":
            return Broke(prompt=prompt, error=data)
        case "execution_interrupted":
            return Interrupted(prompt=prompt)
    return None


def _binary(frame: bytes) -> Previewed | None:
    """A frame: its kind, then for a preview the kind of picture or the length of its metadata."""
    if len(frame) < 2 * _HEADER.size:
        return None
    (kind,) = _HEADER.unpack_from(frame)
    (second,) = _HEADER.unpack_from(frame, _HEADER.size)
    body = frame[2 * _HEADER.size :]
    if kind == _PREVIEW:
        return Previewed(prompt=None, data=body)
    if kind != _PREVIEW_WITH_METADATA or second > len(body):
        return None
    try:
        metadata: object = json.loads(body[:second])
    except (ValueError, RecursionError):
        return None
    prompt = metadata.get("prompt_id") if isinstance(metadata, dict) else None
    return Previewed(prompt=prompt if isinstance(prompt, str) else None, data=body[second:])
