"""The components of messages: what Discord accepts, and the form in which it keeps them."""

from __future__ import annotations

from collections.abc import Callable

from bot.sandbox.component_checker import ComponentChecker, read_emoji
from bot.sandbox.components import SELECTS, Kind
from bot.sandbox.form import Form
from bot.sandbox.wire import Json, JsonObject

MediaResolver = Callable[[str], str | None]
"""Turns a URL of the request into the one to store; None where it names no uploaded file."""

_IN_CONTAINER = frozenset(
    {
        Kind.ACTION_ROW,
        Kind.SECTION,
        Kind.TEXT_DISPLAY,
        Kind.MEDIA_GALLERY,
        Kind.FILE,
        Kind.SEPARATOR,
    }
)
_TOP_LEVEL_V2 = _IN_CONTAINER | {Kind.CONTAINER}
_MOST_COMPONENTS = 40
_ROWS = 5
_LINK, _PREMIUM = 5, 6


def check_message(form: Form, *, v2: bool, media: MediaResolver) -> list[JsonObject]:
    """Check the `components` of a message body and return them as Discord keeps them."""
    checker = _MessageChecker(media)
    if not v2:
        children = form.children("components", high=_ROWS)
        rows = [checker.child(item, frozenset({Kind.ACTION_ROW})) for item in children]
        return checker.numbered(rows)
    children = form.children("components", low=1, high=_MOST_COMPONENTS)
    kept = [checker.child(item, _TOP_LEVEL_V2) for item in children]
    if checker.count > _MOST_COMPONENTS:
        form.fail(
            "components",
            "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
            f"The maximum number of components is {_MOST_COMPONENTS}.",
        )
    if checker.text_length > checker.text_limit:
        form.fail(
            "components",
            "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
            f"Total displayable text size exceeds maximum size of {checker.text_limit}",
        )
    return checker.numbered(kept)


class _MessageChecker(ComponentChecker):
    def __init__(self, media: MediaResolver) -> None:
        super().__init__()
        self._media = media

    def child(self, form: Form, allowed: frozenset[Kind]) -> JsonObject:
        kind = self.kind(form, allowed)
        if kind is None:
            return {}
        wire: JsonObject = {"type": int(kind), "id": self.id(form)}
        if kind in SELECTS:
            return wire | self.select(form, kind)
        return wire | {
            Kind.ACTION_ROW: self._row,
            Kind.BUTTON: self._button,
            Kind.SECTION: self._section,
            Kind.TEXT_DISPLAY: self.text_display,
            Kind.THUMBNAIL: self._thumbnail,
            Kind.MEDIA_GALLERY: self._gallery,
            Kind.FILE: self._file,
            Kind.SEPARATOR: _separator,
            Kind.CONTAINER: self._container,
        }[kind](form)

    def _row(self, form: Form) -> JsonObject:
        children = form.children("components", low=1, high=5, required=True)
        kept = [self.child(item, SELECTS | {Kind.BUTTON}) for item in children]
        if len(kept) > 1 and any(item.get("type") != Kind.BUTTON for item in kept):
            form.fail(
                "components", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds "
                "the maximum width"
            )  # fmt: skip
        return {"components": [*kept]}

    def _button(self, form: Form) -> JsonObject:
        style = form.one_of("style", frozenset(range(1, 7)), required=True)
        wire: JsonObject = {"style": style}
        label = form.text("label", high=80)
        if label:
            wire["label"] = label
        if form.has("emoji"):
            wire["emoji"] = read_emoji(form)
        if form.flag("disabled"):
            wire["disabled"] = True
        if not label and "emoji" not in wire and style != _PREMIUM:
            form.fail("", "BUTTON_COMPONENT_INVALID", "A button must have a label or an emoji")
        return wire | self._button_target(form, style)

    def _button_target(self, form: Form, style: int | None) -> JsonObject:
        if style == _PREMIUM:
            return {"sku_id": form.snowflake("sku_id", required=True)}
        if style == _LINK:
            url = form.text("url", low=1, high=512, required=True) or ""
            if not url.startswith(("http://", "https://", "discord://")):
                form.fail(
                    "url",
                    "URL_TYPE_INVALID_SCHEME",
                    "Scheme must be one of ('http', 'https', 'discord').",
                )
            if form.has("custom_id"):
                form.fail(
                    "custom_id",
                    "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                    "A custom id and url cannot both be specified",
                )
            return {"url": url}
        if form.has("url"):
            form.fail(
                "url",
                "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                "A custom id and url cannot both be specified",
            )
        return {"custom_id": self.custom_id(form)}

    def _section(self, form: Form) -> JsonObject:
        children = form.children("components", low=1, high=3, required=True)
        kept = [self.child(item, frozenset({Kind.TEXT_DISPLAY})) for item in children]
        accessory = form.child("accessory")
        if accessory is None:
            form.fail("accessory", "BASE_TYPE_REQUIRED", "This field is required")
            return {"components": [*kept]}
        side = self.child(accessory, frozenset({Kind.BUTTON, Kind.THUMBNAIL}))
        return {"components": [*kept], "accessory": side}

    def _thumbnail(self, form: Form) -> JsonObject:
        return {"media": self._media_item(form, "media"), **_caption(form)}

    def _gallery(self, form: Form) -> JsonObject:
        items = form.children("items", low=1, high=10, required=True)
        kept: list[Json] = [
            {"media": self._media_item(item, "media"), **_caption(item)} for item in items
        ]
        return {"items": kept}

    def _file(self, form: Form) -> JsonObject:
        media = self._media_item(form, "file", local_only=True)
        return {"file": media, "spoiler": form.flag("spoiler")}

    def _container(self, form: Form) -> JsonObject:
        children = form.children("components", low=1, high=_MOST_COMPONENTS, required=True)
        return {
            "components": [self.child(item, _IN_CONTAINER) for item in children],
            "accent_color": form.integer("accent_color", low=0, high=0xFFFFFF),
            "spoiler": form.flag("spoiler"),
        }

    def _media_item(self, form: Form, key: str, *, local_only: bool = False) -> JsonObject:
        media = form.child(key)
        if media is None:
            form.fail(key, "BASE_TYPE_REQUIRED", "This field is required")
            return {"url": ""}
        url = media.text("url", low=1, high=2048, required=True) or ""
        local = url.startswith("attachment://")
        if not local and (local_only or not url.startswith(("http://", "https://"))):
            media.fail(
                "url", "URL_TYPE_INVALID_SCHEME", f'Scheme of "{url}" is not supported here.'
            )
            return {"url": url}
        stored = self._media(url)
        if stored is None:
            media.fail(
                "",
                "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
                f"The referenced attachment was not found: {url}",
            )
        return {"id": "0", "url": stored or url}


def _separator(form: Form) -> JsonObject:
    divider = form.data.get("divider", True)
    spacing = form.one_of("spacing", frozenset({1, 2})) or 1
    return {"divider": divider is not False, "spacing": spacing}


def _caption(form: Form) -> JsonObject:
    description = form.text("description", high=1024)
    return {"description": description, "spoiler": form.flag("spoiler")}
