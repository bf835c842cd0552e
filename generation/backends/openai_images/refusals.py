"""What such servers refuse, as errors: content rules, rate limits, empty accounts, bad settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from generation.backends.remote import trouble, values
from generation.backends.remote.reply import Reply
from generation.errors import (
    BackendError,
    BadReply,
    Busy,
    OutOfMemory,
    Rejected,
    Unavailable,
    Withheld,
)

USUAL_PAUSE = 20.0
"""Seconds that are waited where a server does not say how long."""

_LONGEST_PAUSE = 3600.0
_MOST_WORDS = 300
_TOO_MANY = 429
_DOWN = 503
_REFUSED = frozenset({400, 403, 422})
_RULES = frozenset({"moderation_blocked", "content_policy_violation", "content_filter"})
_EMPTY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_NO_MODEL = "model_not_found"
_WITHHELD = (
    "The image service does not draw this: its content rules refused it. Please change the prompt."
)


def of_reply(reply: Reply, now: float) -> BackendError:
    """The error that an answer means whose status is no success. ``now`` is in UNIX seconds."""
    error = _error(reply)
    code, words = _code(error), words_of(error)
    found = of_error(error)
    if found is not None:
        return found
    pause = read_pause(reply.headers, datetime.fromtimestamp(now, UTC))
    if reply.status == _TOO_MANY or (reply.status == _DOWN and pause is not None):
        seconds = USUAL_PAUSE if pause is None else pause
        detail = f"{reply.server.url} takes no more for {seconds:.0f} s: {words or reply.status}"
        return Busy(retry_after=seconds, detail=detail)
    if reply.status in _REFUSED and (error or reply.status != 403):
        return Rejected(detail=f"{reply.server.url} refuses the request: {words or code}")
    if (known := trouble.of_status(reply.status, reply.server)) is not None:
        return known.unavailable()
    if reply.is_page or not error:
        return BadReply(detail=f"{reply.server.url} answers with status {reply.status}")
    return BackendError(detail=f"{reply.server.url} failed ({reply.status}): {words}")


def of_error(error: Mapping[str, object]) -> BackendError | None:
    """The error that its code names; None where the status of the answer has to tell."""
    code, words = _code(error), words_of(error)
    if code in _RULES:
        return Withheld(_WITHHELD, detail=code)
    if code in _EMPTY:
        return Unavailable(detail=f"The account has no credit left ({code}). Top it up there.")
    if code == _NO_MODEL:
        return Unavailable(detail=f"The server does not have the model any more: {words}")
    if "out of memory" in words.lower():
        return OutOfMemory(detail=words)
    return None


def read_pause(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until the server may be asked again, by ``Retry-After``; None where it is silent.

    A number or a date, by RFC 9110 section 10.2.3; ``retry-after-ms`` is OpenAI's finer one.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        written = headers.get(name, "").strip()
        try:
            seconds = float(written) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), _LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), _LONGEST_PAUSE)


def _error(reply: Reply) -> Mapping[str, object]:
    """OpenAI's ``{"error": {…}}``, or FastAPI's ``{"detail": …}`` in that form."""
    try:
        body = values.mapping(reply.json(), "refusal")
    except BadReply:
        return {}
    error = body.get("error")
    if isinstance(error, dict):
        return error
    told = error or body.get("detail") or body.get("message")
    if isinstance(told, list):
        told = "; ".join(_missing(item) for item in told[:3] if isinstance(item, dict))
    return {"message": told} if isinstance(told, str) else {}


def _missing(item: Mapping[str, object]) -> str:
    place = item.get("loc")
    where = ".".join(map(str, place[1:])) if isinstance(place, list) else ""
    return f"{where}: {values.field_text(item, 'msg')}"


def _code(error: Mapping[str, object]) -> str:
    return values.field_text(error, "code") or values.field_text(error, "type")


def words_of(error: Mapping[str, object]) -> str:
    """What an error says of itself, cut short."""
    words = " ".join(values.field_text(error, "message").split())
    return words if len(words) <= _MOST_WORDS else f"{words[: _MOST_WORDS - 1]}…"
