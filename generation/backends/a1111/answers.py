"""What a web UI answers: pictures with their seeds, or one of its many forms of failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from generation.backends.a1111.listing import Listing
from generation.backends.a1111.payload import Call
from generation.backends.remote import trouble, values
from generation.backends.remote.reply import Reply
from generation.backends.remote.trouble import Trouble
from generation.errors import (
    BackendError,
    BadReply,
    BlankOutput,
    OutOfMemory,
    Rejected,
)

_SHOWN = 300  # characters of a server's own words, for the log
_MEMORY_WORDS = ("outofmemory", "out of memory", "can't allocate memory", "not enough memory")
_REJECTED_WORDS = ("could not find upscaler",)  # of a plain Exception
_LOGINS = frozenset({401, 403})
_REJECTED_STATUSES = frozenset({400, 404, 422})
# The server's own exceptions for values that it does not know: another try would end alike.
_REJECTED_ERRORS = frozenset({"AssertionError", "KeyError", "ValueError", "IndexError"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The pictures of one request, as they were written, in the order of its seeds."""

    pictures: tuple[object, ...] = field(repr=False)
    seeds: tuple[int, ...]
    version: str = ""


def read_answer(value: object, call: Call, listing: Listing) -> Answer:
    """The pictures in an answer. Grids before them and extras of scripts after them are left out.

    Raises ``BadReply`` for fewer pictures than were asked for, and where the server says that it
    drew with another model, sampler or seed: it does so silently where it lacks the one asked for.
    """
    body = values.mapping(value, "answer")
    pictures = values.items(body.get("images"), "list of pictures")
    if not any(pictures):
        raise _nothing_drawn(call, listing).bad_reply()
    info = _info(body.get("info"))
    first = info.get("index_of_first_image")
    start = first if isinstance(first, int) and 0 <= first < len(pictures) else 0
    own = pictures[start : start + len(call.seeds)]
    if len(own) != len(call.seeds):
        raise BadReply(detail=f"{len(own)} pictures came instead of {len(call.seeds)}")
    if listing.dialect.reports:
        _check_model(info, call, listing)
        _check_sampler(info, call)
    return Answer(
        pictures=tuple(own),
        seeds=_seeds(info, call),
        version=values.field_text(info, "version"),
    )


def error_of(reply: Reply) -> BackendError:
    """What an answer with another status than 200 means. Holds no part of the request."""
    if reply.is_page:
        return trouble.a_page(reply.server).unavailable()
    try:
        body = values.mapping(reply.json(), "answer")
    except BadReply:
        body = {}
    name = values.field_text(body, "error")
    detail = " ".join(f"status {reply.status}: {name} {_words(body)}".split())[:_SHOWN]
    kind = _kind_of(reply.status, name, detail)
    is_route = reply.status == 404 and body.get("detail") in ("Not Found", None)
    known = trouble.of_status(reply.status, reply.server)
    if known is not None and (is_route or kind is BackendError):
        return known.unavailable()
    return kind(detail=detail)


def _kind_of(status: int, name: str, detail: str) -> type[BackendError]:
    if any(word in detail.casefold() for word in _MEMORY_WORDS):
        return OutOfMemory
    if name == "NansException":
        return BlankOutput
    if any(word in detail for word in _REJECTED_WORDS):
        return Rejected
    if status in _REJECTED_STATUSES or (name in _REJECTED_ERRORS and status not in _LOGINS):
        return Rejected
    return BackendError


def _nothing_drawn(call: Call, listing: Listing) -> Trouble:
    return Trouble(
        cause=f"{listing.dialect.kind} answered {call.path} without any picture.",
        mend="Look whether its model is loaded, and at its log.",
    )


def _info(written: object) -> dict[str, object]:
    """What the server tells of the pictures: JSON as a text; KoboldCpp says nothing."""
    if not isinstance(written, str) or not written:
        return {}
    try:
        told: object = json.loads(written)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _check_model(info: dict[str, object], call: Call, listing: Listing) -> None:
    settings = call.body.get("override_settings")
    wanted = settings.get("sd_model_checkpoint") if isinstance(settings, Mapping) else None
    checkpoint = listing.checkpoint(str(wanted))
    drawn, short = (
        values.field_text(info, "sd_model_name"),
        values.field_text(info, "sd_model_hash"),
    )
    if checkpoint is None or not drawn:
        return
    if drawn not in checkpoint.spellings and (not short or short != checkpoint.hash):
        raise BadReply(detail=f"the server drew with the model {drawn!r} instead of {wanted!r}")


def _check_sampler(info: dict[str, object], call: Call) -> None:
    drawn = values.field_text(info, "sampler_name")
    if drawn and drawn != call.body.get("sampler_name"):
        wanted = call.body.get("sampler_name")
        raise BadReply(detail=f"the server drew with the sampler {drawn!r} instead of {wanted!r}")


def _seeds(info: dict[str, object], call: Call) -> tuple[int, ...]:
    """The seeds that the server says it used, where that makes sense; ours where it says none."""
    key = "all_subseeds" if "subseed_strength" in call.body else "all_seeds"
    told = info.get(key)
    if not isinstance(told, list) or len(told) < len(call.seeds):
        return call.seeds
    used = tuple(values.whole(seed, "seed") for seed in told[: len(call.seeds)])
    if used != call.seeds:
        raise BadReply(detail=f"the server drew the seeds {used} instead of {call.seeds}")
    return used


def _words(body: dict[str, object]) -> str:
    """The server's words for what is wrong, without what it repeats of the request."""
    detail = body.get("detail")
    if isinstance(detail, list):
        return "; ".join(_place(item) for item in detail if isinstance(item, dict))
    if isinstance(detail, dict):
        return values.field_text(detail, "msg")
    for key in ("errors", "message", "detail"):
        if words := values.field_text(body, key):
            return words
    return ""


def _place(item: dict[str, object]) -> str:
    """Where a field is wrong and why: the rest of it repeats the value."""
    where = item.get("loc")
    path = ".".join(str(part) for part in where) if isinstance(where, list) else ""
    return f"{path} {values.field_text(item, 'msg')}".strip()
