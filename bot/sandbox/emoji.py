"""Emoji as paths and objects name them."""

from __future__ import annotations

from bot.sandbox.errors import ApiError, Code
from bot.sandbox.wire import JsonObject, as_id


def parse_emoji(text: str) -> JsonObject:
    """Return the emoji object of `👍` or `name:id`; raises 10014 for anything else."""
    name, _, custom = text.removeprefix("a:").partition(":")
    if custom:
        found = as_id(custom)
        if found is None:
            raise ApiError.of(Code.UNKNOWN_EMOJI)
        return {"id": found, "name": name}
    if not name or name.isascii():
        raise ApiError.of(Code.UNKNOWN_EMOJI)
    return {"id": None, "name": name}
