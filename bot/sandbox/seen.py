"""What a member sees: messages and forms, with names for the parts that tests ask about."""

from __future__ import annotations

from dataclasses import dataclass

from bot.sandbox.components import Kind, texts, walk
from bot.sandbox.message import Flag
from bot.sandbox.wire import Json, JsonObject, as_int, as_list, as_object, as_objects, as_text


@dataclass(frozen=True, slots=True)
class SeenFile:
    """An attachment as it is shown."""

    raw: JsonObject

    @property
    def filename(self) -> str:
        """Its name."""
        return as_text(self.raw.get("filename"))

    @property
    def url(self) -> str:
        """Where it lies, for a day."""
        return as_text(self.raw.get("url"))

    @property
    def description(self) -> str:
        """Its alternative text, or nothing."""
        return as_text(self.raw.get("description"))

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return as_int(self.raw.get("size"))

    @property
    def spoiler(self) -> bool:
        """Whether it is covered until clicked."""
        return self.filename.startswith("SPOILER_")


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """A message as one member sees it; `raw` is Discord's object."""

    raw: JsonObject

    @property
    def id(self) -> str:
        """Its id."""
        return as_text(self.raw.get("id"))

    @property
    def channel_id(self) -> str:
        """Where it stands."""
        return as_text(self.raw.get("channel_id"))

    @property
    def author_id(self) -> str:
        """Who wrote it."""
        return as_text(as_object(self.raw.get("author")).get("id"))

    @property
    def content(self) -> str:
        """Its plain content; empty in messages made of components."""
        return as_text(self.raw.get("content"))

    @property
    def text(self) -> str:
        """Everything there is to read in it: content, embeds and text displays, by line."""
        parts = [self.content, *texts(self.raw.get("components"))]
        for embed in as_objects(self.raw.get("embeds")):
            parts += [as_text(embed.get("title")), as_text(embed.get("description"))]
            for item in as_objects(embed.get("fields")):
                parts += [as_text(item.get("name")), as_text(item.get("value"))]
            parts.append(as_text(as_object(embed.get("footer")).get("text")))
        return "\n".join(part for part in parts if part)

    @property
    def attachments(self) -> list[SeenFile]:
        """Its files."""
        return [SeenFile(item) for item in as_objects(self.raw.get("attachments"))]

    @property
    def pictures(self) -> list[str]:
        """The URLs of all pictures that it shows, in components, embeds or as attachments."""
        urls = [as_text(media.get("url")) for media in self._media()]
        shown = {url.partition("?")[0] for url in urls}
        if not self.flags & Flag.COMPONENTS_V2:
            urls += [
                file.url
                for file in self.attachments
                if as_text(file.raw.get("content_type")).startswith("image/")
                and file.url.partition("?")[0] not in shown
            ]
        return urls

    @property
    def flags(self) -> Flag:
        """Its flags."""
        return Flag(as_int(self.raw.get("flags")))

    @property
    def ephemeral(self) -> bool:
        """Whether only this member sees it."""
        return bool(self.flags & Flag.EPHEMERAL)

    @property
    def loading(self) -> bool:
        """Whether it is a deferred answer still."""
        return bool(self.flags & Flag.LOADING)

    @property
    def pinged(self) -> list[str]:
        """The ids of those whom it notified."""
        sandbox = as_object(self.raw.get("sandbox"))
        return [as_text(item) for item in as_list(sandbox.get("pinged"))]

    @property
    def replies_to(self) -> str | None:
        """The id of the message that it replies to."""
        reference = self.raw.get("message_reference")
        return None if reference is None else as_text(as_object(reference).get("message_id"))

    @property
    def components(self) -> list[JsonObject]:
        """Its components, those inside others too."""
        return list(walk(self.raw.get("components")))

    @property
    def buttons(self) -> list[JsonObject]:
        """Its buttons."""
        return [item for item in self.components if item["type"] == Kind.BUTTON]

    @property
    def button_labels(self) -> list[str]:
        """The words on its buttons."""
        return [as_text(item.get("label")) for item in self.buttons]

    def component(self, name: str) -> JsonObject:
        """Return the component of that custom_id, label, emoji or placeholder.

        Raises `LookupError`, naming what there is.
        """
        known: list[str] = []
        for item in self.components:
            emoji = as_text(as_object(item.get("emoji")).get("name"))
            names = [as_text(item.get(key)) for key in ("custom_id", "label", "placeholder")]
            if name and name in [*names, emoji]:
                return item
            known += [text for text in [*names, emoji] if text]
        raise LookupError(f"no component is called {name!r}; there are {known}")

    def _media(self) -> list[JsonObject]:
        found: list[Json] = []
        for item in self.components:
            found += [gallery.get("media") for gallery in as_objects(item.get("items"))]
            found.append(item.get("media"))
        for embed in as_objects(self.raw.get("embeds")):
            found += [embed.get("image"), embed.get("thumbnail")]
        return [as_object(media) for media in found if media is not None]


@dataclass(frozen=True, slots=True)
class SeenModal:
    """A form as it is shown; `raw` has `custom_id`, `title` and `components`."""

    raw: JsonObject

    @property
    def title(self) -> str:
        """Its title."""
        return as_text(self.raw.get("title"))

    @property
    def custom_id(self) -> str:
        """Its custom_id."""
        return as_text(self.raw.get("custom_id"))

    @property
    def text(self) -> str:
        """What there is to read in it beside its fields, by line."""
        return "\n".join(texts(self.raw.get("components")))

    @property
    def fields(self) -> dict[str, JsonObject]:
        """Its fields by custom_id."""
        found = walk(self.raw.get("components"))
        return {as_text(item["custom_id"]): item for item in found if "custom_id" in item}

    def field_id(self, name: str) -> str:
        """Return the custom_id of the field of that custom_id or label; raises `LookupError`."""
        if name in self.fields:
            return name
        for item in walk(self.raw.get("components")):
            inner = as_object(item.get("component"))
            if item.get("label") == name:
                return as_text((inner or item).get("custom_id"))
        raise LookupError(f"no field is called {name!r}; there are {list(self.fields)}")
