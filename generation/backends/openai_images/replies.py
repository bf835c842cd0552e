"""What such servers answer: pictures as base64 or as URLs, whole or in a stream of events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from generation.backends.remote import values
from generation.backends.remote.pictures import from_base64
from generation.errors import BadReply

_END = "[DONE]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The pictures, as bytes or as the URLs where they are, and the tokens they cost if told."""

    pictures: tuple[bytes | str, ...] = field(repr=False)
    tokens: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Partial:
    """A picture that is not finished."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """An error in the middle of a stream."""

    error: Mapping[str, object]


def read_answer(value: object) -> Answer:
    """The body of a good answer. Raises ``BadReply``."""
    body = values.mapping(value, "answer")
    pictures = [_picture(item) for item in values.mappings(body.get("data"), "pictures")]
    return Answer(pictures=tuple(pictures), tokens=_tokens(body))


def read_event(data: str) -> Answer | Partial | Failure | None:
    """One event of a stream; None for those that carry no picture. Raises ``BadReply``."""
    if data.strip() == _END:
        return None
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        raise BadReply(detail="an event came that is no JSON") from None
    event = values.mapping(value, "event")
    kind = values.field_text(event, "type")
    error = event.get("error")
    if isinstance(error, dict):
        return Failure(error=error)
    if kind.endswith(".partial_image"):
        return Partial(data=from_base64(event.get("b64_json")))
    if kind.endswith(".completed"):
        return Answer(pictures=(_picture(event),), tokens=_tokens(event))
    return None


def _picture(item: Mapping[str, object]) -> bytes | str:
    written = item.get("b64_json")
    if written is not None:
        return from_base64(written)
    url = item.get("url")
    if not isinstance(url, str):
        raise BadReply(detail="an answer held neither a picture nor where it is")
    return from_base64(url) if url.startswith("data:") else url


def _tokens(body: Mapping[str, object]) -> int:
    usage = body.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) and total > 0 else 0
