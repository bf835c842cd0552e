"""A message: its state and the wire shape that each viewer gets of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING

from bot.sandbox.cdn import Attachment, Cdn, is_reference
from bot.sandbox.mentions import Mentions
from bot.sandbox.wire import Json, JsonObject, as_object, as_objects, timestamp

if TYPE_CHECKING:
    from bot.sandbox.world import World


class Flag(IntFlag):
    """Message flags."""

    CROSSPOSTED = 1 << 0
    SUPPRESS_EMBEDS = 1 << 2
    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    IS_VOICE_MESSAGE = 1 << 13
    COMPONENTS_V2 = 1 << 15


NO_FLAGS = Flag(0)


class MessageType(IntEnum):
    """The kinds of message that the sandbox makes."""

    DEFAULT = 0
    PIN_NOTICE = 6
    REPLY = 19
    CHAT_INPUT_COMMAND = 20
    CONTEXT_MENU_COMMAND = 23


@dataclass(slots=True, kw_only=True)
class Reaction:
    """One emoji under a message and the people who put it there."""

    emoji: JsonObject
    user_ids: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """A message. Embeds and components are kept with references to stored files.

    `pinged` holds everybody whom it ever notified: an edit changes `mentions`, but notifies nobody.
    `ephemeral_to` is the one member who sees an ephemeral message, until it is `dismissed`; its
    token can still edit it then.
    """

    id: str
    channel_id: str
    guild_id: str | None
    author_id: str
    created_at: float
    type: MessageType = MessageType.DEFAULT
    content: str = ""
    flags: Flag = NO_FLAGS
    tts: bool = False
    embeds: list[JsonObject] = field(default_factory=list)
    components: list[JsonObject] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    mentions: Mentions = field(default_factory=Mentions)
    pinged: set[str] = field(default_factory=set)
    reactions: list[Reaction] = field(default_factory=list)
    reference: tuple[str, str] | None = None
    edited_at: float | None = None
    pinned: bool = False
    nonce: str | None = None
    ephemeral_to: str | None = None
    interaction_metadata: JsonObject | None = None
    interaction_name: str | None = None
    application_id: str | None = None
    thread_id: str | None = None
    deleted: bool = False
    dismissed: bool = False

    @property
    def is_v2(self) -> bool:
        """Whether the message consists of components only."""
        return bool(self.flags & Flag.COMPONENTS_V2)

    @property
    def is_loading(self) -> bool:
        """Whether this is a deferred answer that shows "thinking"."""
        return bool(self.flags & Flag.LOADING)

    @property
    def shown_attachments(self) -> list[Attachment]:
        """The attachments that are listed as such: those that an embed shows are not."""
        used = {str(media["url"]) for media in _embedded_media(self.embeds)}
        return [item for item in self.attachments if item.reference not in used]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not (self.content or self.embeds or self.components or self.attachments)

    def visible_to(self, user_id: str) -> bool:
        """Whether ephemerality lets the user see it; channel permissions are another matter."""
        return self.ephemeral_to in {None, user_id} and not self.dismissed


class MessageWriter:
    """Writes messages as Discord's objects."""

    def __init__(self, world: World, cdn: Cdn) -> None:
        self._world = world
        self._cdn = cdn

    def write(self, message: Message, *, viewer_id: str, blank: bool = False) -> JsonObject:
        """Return the object; `blank` leaves out what the message content intent guards."""
        wire: JsonObject = {
            "id": message.id,
            "channel_id": message.channel_id,
            "author": self._world.users[message.author_id].to_wire(),
            "type": int(message.type),
            "timestamp": timestamp(message.created_at),
            "edited_timestamp": None if message.edited_at is None else timestamp(message.edited_at),
            "tts": message.tts,
            "pinned": message.pinned,
            "flags": int(message.flags),
            "mention_everyone": message.mentions.everyone,
            "mention_roles": [*message.mentions.roles],
            "mentions": [self._mentioned(message, user_id) for user_id in message.mentions.users],
        }
        wire |= _BLANK if blank else self._body(message)
        if message.reactions:
            wire["reactions"] = [_reaction(item, viewer_id) for item in message.reactions]
        if message.nonce is not None:
            wire["nonce"] = message.nonce
        if message.application_id is not None:
            wire |= {
                "application_id": message.application_id,
                "webhook_id": message.application_id,
            }
        if message.interaction_metadata is not None:
            wire["interaction_metadata"] = self._metadata(message.interaction_metadata)
        if message.reference is not None:
            wire["message_reference"] = self._reference(message, message.reference)
        thread = self._world.channels.get(message.thread_id or "")
        if thread is not None:
            wire["thread"] = self._world.channel_wire(thread)
        return wire

    def _body(self, message: Message) -> JsonObject:
        embeds: list[Json] = [self._embed(item) for item in message.embeds]
        return {
            "content": message.content,
            "embeds": [] if message.flags & Flag.SUPPRESS_EMBEDS else embeds,
            "components": [self._component(item) for item in message.components],
            "attachments": [self._cdn.to_wire(item) for item in message.shown_attachments],
        }

    def _mentioned(self, message: Message, user_id: str) -> JsonObject:
        wire = self._world.users[user_id].to_wire()
        guild = self._world.guilds.get(message.guild_id or "")
        if guild is not None and user_id in guild.members:
            wire["member"] = guild.members[user_id].to_wire()
        return wire

    def _metadata(self, metadata: JsonObject) -> JsonObject:
        wire = dict(metadata)
        wire["user"] = self._world.users[str(metadata["user_id"])].to_wire()
        del wire["user_id"]
        if "triggering_interaction_metadata" in metadata:
            inner = as_object(metadata["triggering_interaction_metadata"])
            wire["triggering_interaction_metadata"] = self._metadata(inner)
        if "target_user_id" in metadata:
            wire["target_user"] = self._world.users[str(wire.pop("target_user_id"))].to_wire()
        return wire

    def _reference(self, message: Message, reference: tuple[str, str]) -> JsonObject:
        channel_id, message_id = reference
        wire: JsonObject = {"type": 0, "channel_id": channel_id, "message_id": message_id}
        return wire | ({"guild_id": message.guild_id} if message.guild_id else {})

    def _embed(self, embed: JsonObject) -> JsonObject:
        wire = dict(embed)
        for key in ("image", "thumbnail"):
            if key in wire:
                media = self._cdn.resolve(as_object(wire[key]))
                wire[key] = {
                    name: value for name, value in media.items() if name != "attachment_id"
                }
        for key in ("footer", "author"):
            part = as_object(wire.get(key))
            if "icon_url" in part:
                icon = self._cdn.resolve({"url": part["icon_url"]})
                wire[key] = part | {"icon_url": icon["url"], "proxy_icon_url": icon["proxy_url"]}
        return wire

    def _component(self, component: JsonObject) -> JsonObject:
        wire = dict(component)
        if "components" in wire:
            wire["components"] = [self._component(item) for item in as_objects(wire["components"])]
        if "accessory" in wire:
            wire["accessory"] = self._component(as_object(wire["accessory"]))
        if "items" in wire:
            wire["items"] = [self._component(item) for item in as_objects(wire["items"])]
        if "media" in wire:
            wire["media"] = self._cdn.resolve(as_object(wire["media"]))
        if "file" in wire:
            wire |= self._file(as_object(wire["file"]))
        return wire

    def _file(self, stored: JsonObject) -> JsonObject:
        media = self._cdn.resolve(stored)
        attachment = self._cdn.find_url(str(media["url"]))
        if attachment is None:
            return {"file": media, "name": None, "size": None}
        return {"file": media, "name": attachment.filename, "size": len(attachment.data)}


_BLANK: JsonObject = {"content": "", "embeds": [], "components": [], "attachments": []}


def _embedded_media(embeds: list[JsonObject]) -> list[JsonObject]:
    found: list[JsonObject] = []
    for embed in embeds:
        found += [as_object(embed.get(key)) for key in ("image", "thumbnail")]
        icons = [as_object(embed.get(key)).get("icon_url") for key in ("footer", "author")]
        found += [{"url": icon} for icon in icons]
    return [media for media in found if is_reference(str(media.get("url")))]


def _reaction(reaction: Reaction, viewer_id: str) -> JsonObject:
    count = len(reaction.user_ids)
    return {
        "emoji": reaction.emoji,
        "count": count,
        "count_details": {"normal": count, "burst": 0},
        "burst_colors": [],
        "me": viewer_id in reaction.user_ids,
        "me_burst": False,
    }
