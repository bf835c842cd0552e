"""Embeds: what Discord accepts, and the form in which it keeps them."""

from __future__ import annotations

from bot.sandbox.form import Form
from bot.sandbox.message_components import MediaResolver
from bot.sandbox.wire import Json, JsonObject

_MOST_EMBEDS = 10
_TEXT_TOTAL = 6000
_WEB = ("http://", "https://")


def check_embeds(form: Form, *, media: MediaResolver) -> list[JsonObject]:
    """Check the `embeds` of a message body and return them as Discord keeps them."""
    checker = _EmbedChecker(media)
    kept = [checker.embed(item) for item in form.children("embeds", high=_MOST_EMBEDS)]
    if checker.length > _TEXT_TOTAL:
        form.fail(
            "embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {_TEXT_TOTAL}"
        )
    return kept


class _EmbedChecker:
    def __init__(self, media: MediaResolver) -> None:
        self._media = media
        self.length = 0

    def embed(self, form: Form) -> JsonObject:
        wire: JsonObject = {"type": "rich"}
        self._text(wire, form, "title", 256)
        self._text(wire, form, "description", 4096)
        url = _web_url(form, "url")
        if url:
            wire["url"] = url
        for key in ("timestamp",):
            if form.has(key):
                wire[key] = form.text(key)
        colour = form.integer("color", low=0, high=0xFFFFFF)
        if colour is not None:
            wire["color"] = colour
        for key in ("image", "thumbnail"):
            self._picture(wire, form, key)
        self._footer(wire, form)
        self._author(wire, form)
        fields: list[Json] = [self._field(item) for item in form.children("fields", high=25)]
        if fields:
            wire["fields"] = fields
        if len(wire) == 1:
            form.fail("description", "BASE_TYPE_REQUIRED", "This field is required")
        return wire

    def _text(self, wire: JsonObject, form: Form, key: str, high: int) -> None:
        text = form.text(key, high=high)
        if text:
            wire[key] = text
            self.length += len(text)

    def _field(self, form: Form) -> JsonObject:
        name = form.text("name", low=1, high=256, required=True) or ""
        value = form.text("value", low=1, high=1024, required=True) or ""
        self.length += len(name) + len(value)
        return {"name": name, "value": value, "inline": form.flag("inline")}

    def _footer(self, wire: JsonObject, form: Form) -> None:
        footer = form.child("footer")
        if footer is None:
            return
        text = footer.text("text", low=1, high=2048, required=True) or ""
        self.length += len(text)
        wire["footer"] = {"text": text, **self._icon(footer)}

    def _author(self, wire: JsonObject, form: Form) -> None:
        author = form.child("author")
        if author is None:
            return
        name = author.text("name", low=1, high=256, required=True) or ""
        self.length += len(name)
        url = _web_url(author, "url")
        wire["author"] = {"name": name, **({"url": url} if url else {}), **self._icon(author)}

    def _icon(self, form: Form) -> JsonObject:
        url = self._media_url(form, "icon_url")
        return {"icon_url": url} if url else {}

    def _picture(self, wire: JsonObject, form: Form, key: str) -> None:
        picture = form.child(key)
        if picture is None:
            return
        url = self._media_url(picture, "url")
        if url:
            wire[key] = {"url": url}

    def _media_url(self, form: Form, key: str) -> str | None:
        url = form.text(key, high=2048)
        if not url:
            return None
        if not url.startswith((*_WEB, "attachment://")):
            _wrong_scheme(form, key, url)
            return None
        # Unlike in components, a dangling attachment:// in an embed is dropped without a word.
        return self._media(url)


def _web_url(form: Form, key: str) -> str | None:
    url = form.text(key, high=2048)
    if url and not url.startswith(_WEB):
        _wrong_scheme(form, key, url)
    return url


def _wrong_scheme(form: Form, key: str, url: str) -> None:
    scheme = url.split(":", 1)[0]
    form.fail(
        key,
        "URL_TYPE_INVALID_SCHEME",
        f"Scheme \"{scheme}\" is not supported. Scheme must be one of ('http', 'https').",
    )
