"""All messages: creating, editing, deleting, reacting, pinning and looking them up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.sandbox.cdn import Attachment, Cdn
from bot.sandbox.components import texts
from bot.sandbox.draft import Draft, DraftContext, Drafter, Origin
from bot.sandbox.errors import ApiError, Code, invalid
from bot.sandbox.events import MessageEvent, ReactionEvent
from bot.sandbox.guild import Channel
from bot.sandbox.mentions import EVERYTHING, USERS_ONLY, AllowedMentions, Mentions, read_mentions
from bot.sandbox.message import Flag, Message, MessageType, MessageWriter, Reaction
from bot.sandbox.wire import JsonObject
from bot.sandbox.world import World

_NONCE_LIFETIME = 300.0
_MOST_REACTIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionMark:
    """What a message that answers an interaction carries of it."""

    application_id: str
    metadata: JsonObject
    type: MessageType = MessageType.DEFAULT
    name: str | None = None
    ephemeral_to: str | None = None


class Messages:
    """The store of all messages. Changes are told to the bus."""

    def __init__(self, world: World, cdn: Cdn) -> None:
        self._world = world
        self._by_channel: dict[str, dict[str, Message]] = {}
        self._by_nonce: dict[tuple[str, str, str], Message] = {}
        self.drafter = Drafter(cdn)
        self.writer = MessageWriter(world, cdn)

    # -- looking up ----------------------------------------------------------------------------

    def get(self, channel_id: str, message_id: str) -> Message:
        """Return the message, or raise 10008."""
        message = self._by_channel.get(channel_id, {}).get(message_id)
        if message is None:
            raise ApiError.of(Code.UNKNOWN_MESSAGE)
        return message

    def find(self, message_id: str) -> Message | None:
        """Return the message of that id in whatever channel, or None."""
        for messages in self._by_channel.values():
            if message_id in messages:
                return messages[message_id]
        return None

    def everything(self) -> Iterator[Message]:
        """Every message that has not been deleted, wherever it is and whoever may see it."""
        for messages in self._by_channel.values():
            yield from messages.values()

    def history(
        self,
        channel_id: str,
        *,
        viewer_id: str | None,
        limit: int = 50,
        before: str | None = None,
        after: str | None = None,
    ) -> list[Message]:
        """Return up to `limit` messages, oldest first.

        The newest ones, unless `after` asks for the oldest after that id. Without a viewer, or
        for the bot, ephemeral messages are left out, as Discord's REST does.
        """
        found = [
            message
            for message in self._by_channel.get(channel_id, {}).values()
            if message.visible_to(viewer_id or "")
            and (before is None or int(message.id) < int(before))
            and (after is None or int(message.id) > int(after))
        ]
        return found[:limit] if after is not None and before is None else found[-limit:]

    # -- creating ------------------------------------------------------------------------------

    def repeated(self, channel: Channel, author_id: str, draft: Draft) -> Message | None:
        """Return the message that an enforced nonce already made in the past few minutes."""
        if draft.nonce is None or not draft.enforce_nonce:
            return None
        earlier = self._by_nonce.get((channel.id, author_id, draft.nonce))
        fresh = (
            earlier is not None
            and self._world.clock.now() - earlier.created_at < _NONCE_LIFETIME
            and not earlier.deleted
        )
        return earlier if fresh else None

    def create(
        self,
        channel: Channel,
        author_id: str,
        draft: Draft,
        *,
        mark: InteractionMark | None = None,
        loading: bool = False,
    ) -> Message:
        """Send a message. Raises 50006 where there is nothing in it."""
        reply = self._replied_to(channel, draft)
        message = Message(
            id=self._world.snowflakes.next(),
            channel_id=channel.id,
            guild_id=channel.guild_id,
            author_id=author_id,
            created_at=self._world.clock.now(),
            content=draft.content or "",
            flags=draft.flags or Flag(0),
            tts=draft.tts,
            embeds=draft.embeds or [],
            components=draft.components or [],
            attachments=draft.attachments or [],
            nonce=draft.nonce,
            reference=None if reply is None else (reply.channel_id, reply.id),
            type=MessageType.DEFAULT if reply is None else MessageType.REPLY,
        )
        if mark is not None:
            _mark(message, mark)
        if loading:
            message.flags |= Flag.LOADING
        elif message.is_empty:
            raise ApiError.of(Code.EMPTY_MESSAGE)
        default = EVERYTHING if mark is None else USERS_ONLY
        message.mentions = self._mentions(
            message, channel, draft.allowed_mentions or default, reply
        )
        message.pinged |= _reached(message)
        self._keep(channel, message)
        if draft.nonce is not None:
            self._by_nonce[(channel.id, author_id, draft.nonce)] = message
        self._world.bus.publish(MessageEvent(change="create", message=message))
        return message

    def notice(self, channel: Channel, author_id: str, kind: MessageType, about: Message) -> None:
        """Post one of Discord's own system messages."""
        message = Message(
            id=self._world.snowflakes.next(),
            channel_id=channel.id,
            guild_id=channel.guild_id,
            author_id=author_id,
            created_at=self._world.clock.now(),
            type=kind,
            reference=(about.channel_id, about.id),
        )
        self._keep(channel, message)
        self._world.bus.publish(MessageEvent(change="create", message=message))

    # -- changing ------------------------------------------------------------------------------

    def edit(self, message: Message, draft: Draft) -> Message:
        """Change the parts that the draft speaks of. A loading message is thereby answered."""
        was_loading = message.is_loading
        flags = _edited_flags(message, draft)
        content = message.content if draft.content is None else draft.content
        embeds = message.embeds if draft.embeds is None else draft.embeds
        components = message.components if draft.components is None else draft.components
        attachments = _edited_attachments(message, draft)
        if flags & Flag.COMPONENTS_V2 and (content or embeds):
            raise invalid(
                ("content" if content else "embeds",),
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                "The message's content and embeds must be cleared to use components V2",
            )
        if not (content or embeds or components or attachments):
            raise ApiError.of(Code.EMPTY_MESSAGE)
        message.flags, message.content, message.embeds = flags, content, embeds
        message.components, message.attachments = components, attachments
        channel = self._world.channel(message.channel_id)
        if draft.content is not None or draft.components is not None:
            default = EVERYTHING if message.application_id is None else USERS_ONLY
            allowed = draft.allowed_mentions or default
            message.mentions = self._mentions(message, channel, allowed, None)
        if was_loading:
            # The answer appears only now, so it notifies like a new message.
            message.pinged |= _reached(message)
        else:
            message.edited_at = self._world.clock.now()
        self._world.bus.publish(MessageEvent(change="update", message=message))
        return message

    def delete(self, message: Message) -> None:
        """Remove a message."""
        if self._by_channel.get(message.channel_id, {}).pop(message.id, None) is None:
            raise ApiError.of(Code.UNKNOWN_MESSAGE)
        message.deleted = True
        self._world.bus.publish(MessageEvent(change="delete", message=message))

    def dismiss(self, message: Message) -> None:
        """Take an ephemeral message from its reader's sight."""
        self._world.bus.publish(MessageEvent(change="delete", message=message))
        message.dismissed = True

    def react(self, message: Message, user_id: str, emoji: JsonObject) -> None:
        """Add a user's reaction; doing it twice changes nothing."""
        reaction = next((item for item in message.reactions if item.emoji == emoji), None)
        if reaction is None:
            if len(message.reactions) >= _MOST_REACTIONS:
                raise ApiError.of(Code.TOO_MANY_REACTIONS)
            reaction = Reaction(emoji=emoji)
            message.reactions.append(reaction)
        if user_id not in reaction.user_ids:
            reaction.user_ids.append(user_id)
            self._tell_reaction(message, user_id, emoji, added=True)

    def unreact(self, message: Message, user_id: str, emoji: JsonObject) -> None:
        """Take a user's reaction off, or raise 10014."""
        reaction = next((item for item in message.reactions if item.emoji == emoji), None)
        if reaction is None or user_id not in reaction.user_ids:
            raise ApiError.of(Code.UNKNOWN_EMOJI)
        reaction.user_ids.remove(user_id)
        if not reaction.user_ids:
            message.reactions.remove(reaction)
        self._tell_reaction(message, user_id, emoji, added=False)

    def changed(self, message: Message) -> None:
        """Tell everybody of a change made to the message's own fields."""
        self._world.bus.publish(MessageEvent(change="update", message=message))

    # -- inside --------------------------------------------------------------------------------

    def _keep(self, channel: Channel, message: Message) -> None:
        self._by_channel.setdefault(channel.id, {})[message.id] = message
        if message.ephemeral_to is None:
            channel.last_message_id = message.id
            channel.message_count += 1

    def _replied_to(self, channel: Channel, draft: Draft) -> Message | None:
        if draft.reply_to is None:
            return None
        found = self._by_channel.get(channel.id, {}).get(draft.reply_to)
        if found is not None and found.ephemeral_to is None:
            return found
        if not draft.reply_must_exist:
            return None
        raise invalid(("message_reference",), "REPLIES_UNKNOWN_MESSAGE", "Unknown message")

    def _mentions(
        self, message: Message, channel: Channel, allowed: AllowedMentions, reply: Message | None
    ) -> Mentions:
        return read_mentions(
            self._world,
            channel,
            author_id=message.author_id,
            texts=[message.content, *texts(message.components)],
            allowed=allowed,
            replied_to=None if reply is None else reply.author_id,
        )

    def _tell_reaction(
        self, message: Message, user_id: str, emoji: JsonObject, *, added: bool
    ) -> None:
        self._world.bus.publish(
            ReactionEvent(added=added, message=message, user_id=user_id, emoji=emoji)
        )


def edit_context(message: Message, file_size_limit: int) -> DraftContext:
    """Return the context in which an edit of this message is checked."""
    return DraftContext(
        channel_id=message.channel_id,
        origin=Origin.EDIT,
        file_size_limit=file_size_limit,
        ephemeral=message.ephemeral_to is not None,
        was_v2=message.is_v2,
        existing=tuple(message.attachments),
    )


def _mark(message: Message, mark: InteractionMark) -> None:
    message.application_id = mark.application_id
    message.interaction_metadata = mark.metadata
    message.interaction_name = mark.name
    message.ephemeral_to = mark.ephemeral_to
    if mark.type is not MessageType.DEFAULT:
        message.type = mark.type
    if mark.ephemeral_to is not None:
        message.flags |= Flag.EPHEMERAL


def _reached(message: Message) -> frozenset[str]:
    if message.flags & Flag.SUPPRESS_NOTIFICATIONS:
        return frozenset()
    if message.ephemeral_to is not None:
        return message.mentions.pinged & {message.ephemeral_to}
    return message.mentions.pinged


def _edited_flags(message: Message, draft: Draft) -> Flag:
    flags = message.flags & ~Flag.LOADING
    if draft.flags is None:
        return flags
    flags = flags & ~Flag.SUPPRESS_EMBEDS | draft.flags & Flag.SUPPRESS_EMBEDS
    return flags | draft.flags & Flag.COMPONENTS_V2


def _edited_attachments(message: Message, draft: Draft) -> list[Attachment]:
    if draft.attachments is None:
        return message.attachments
    if draft.embeds is not None:
        return draft.attachments
    shown = message.shown_attachments
    embedded = [item for item in message.attachments if item not in shown]
    return [*draft.attachments, *(item for item in embedded if item not in draft.attachments)]
