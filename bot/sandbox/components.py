"""Components of messages and forms: their kinds, and finding them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from bot.sandbox.wire import Json, JsonObject, as_objects, as_text


class Kind(IntEnum):
    """Component types."""

    ACTION_ROW = 1
    BUTTON = 2
    STRING_SELECT = 3
    TEXT_INPUT = 4
    USER_SELECT = 5
    ROLE_SELECT = 6
    MENTIONABLE_SELECT = 7
    CHANNEL_SELECT = 8
    SECTION = 9
    TEXT_DISPLAY = 10
    THUMBNAIL = 11
    MEDIA_GALLERY = 12
    FILE = 13
    SEPARATOR = 14
    CONTAINER = 17
    LABEL = 18
    FILE_UPLOAD = 19
    RADIO_GROUP = 21
    CHECKBOX_GROUP = 22
    CHECKBOX = 23


SELECTS = frozenset(
    {
        Kind.STRING_SELECT,
        Kind.USER_SELECT,
        Kind.ROLE_SELECT,
        Kind.MENTIONABLE_SELECT,
        Kind.CHANNEL_SELECT,
    }
)


def walk(components: Json) -> Iterator[JsonObject]:
    """Yield every component of a message or modal, outer ones first."""
    for component in as_objects(components):
        yield component
        yield from walk(component.get("components"))
        for key in ("component", "accessory"):
            if component.get(key) is not None:
                yield from walk([component[key]])


def find(components: Json, custom_id: str) -> JsonObject | None:
    """Return the component of that custom_id, or None."""
    for component in walk(components):
        if component.get("custom_id") == custom_id:
            return component
    return None


def texts(components: Json) -> Iterator[str]:
    """Yield the contents of all text displays, which may mention people."""
    for component in walk(components):
        if component.get("type") == Kind.TEXT_DISPLAY:
            yield as_text(component.get("content"))
