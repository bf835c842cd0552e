"""REST: messages, reactions and pins of channels, threads and DMs."""

from __future__ import annotations

from bot.sandbox import permissions, rights
from bot.sandbox.core import Core
from bot.sandbox.draft import DraftContext, Origin
from bot.sandbox.emoji import parse_emoji
from bot.sandbox.errors import ApiError, Code
from bot.sandbox.guild import MIB, Channel
from bot.sandbox.message import Flag, Message, MessageType
from bot.sandbox.messages import edit_context
from bot.sandbox.permissions import Permission
from bot.sandbox.rest import NOTHING, Answer, Call, Route
from bot.sandbox.wire import Json, JsonObject, as_id, as_ids, as_int, timestamp

_MESSAGES = "/channels/{channel}/messages"
_MESSAGE = _MESSAGES + "/{message}"
_REACTIONS = _MESSAGE + "/reactions"
_MOST_BULK = 100


class MessageRoutes:
    """Handlers by route; the bot acts."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world
        self._messages = core.messages
        self._me = core.world.bot.id

    def routes(self) -> list[Route]:
        """Return the table; literal paths stand before those with a parameter in their place."""
        return [
            Route("GET", _MESSAGES, self._list),
            Route("POST", _MESSAGES, self._send),
            Route("GET", _MESSAGES + "/pins", self._pins),
            Route("PUT", _MESSAGES + "/pins/{message}", self._pin),
            Route("DELETE", _MESSAGES + "/pins/{message}", self._unpin),
            Route("POST", _MESSAGES + "/bulk-delete", self._bulk_delete),
            Route("GET", _MESSAGE, self._get),
            Route("PATCH", _MESSAGE, self._edit),
            Route("DELETE", _MESSAGE, self._delete),
            Route("DELETE", _REACTIONS, self._clear_reactions),
            Route("PUT", _REACTIONS + "/{emoji}/@me", self._react),
            Route("DELETE", _REACTIONS + "/{emoji}/@me", self._unreact),
            Route("DELETE", _REACTIONS + "/{emoji}/{user}", self._unreact),
            Route("GET", _REACTIONS + "/{emoji}", self._reactors),
        ]

    def _list(self, call: Call) -> Answer:
        channel = self._channel(call)
        bits = permissions.in_channel(self._world, channel, self._me)
        if not bits & Permission.READ_MESSAGE_HISTORY:
            return Answer(body=[])
        found = self._messages.history(
            channel.id,
            viewer_id=None,
            limit=min(100, max(1, as_int(call.query.get("limit"), 50))),
            before=as_id(call.query.get("before")),
            after=as_id(call.query.get("after")),
        )
        return Answer(body=[self._wire(message) for message in reversed(found)])

    def _send(self, call: Call) -> Answer:
        channel = self._channel(call)
        context = DraftContext(
            channel_id=channel.id,
            origin=Origin.CHANNEL,
            file_size_limit=self._file_limit(channel),
        )
        draft = self._messages.drafter.read(call.data, call.uploads, context)
        rights.require_send(self._world, channel, self._me, draft)
        message = self._messages.repeated(channel, self._me, draft)
        return Answer(body=self._wire(message or self._messages.create(channel, self._me, draft)))

    def _get(self, call: Call) -> Answer:
        return Answer(body=self._wire(self._message(call)))

    def _edit(self, call: Call) -> Answer:
        channel = self._channel(call)
        rights.require_unarchived(channel)
        message = self._message(call)
        if message.author_id != self._me:
            if set(call.data) - {"flags"}:
                raise ApiError.of(Code.CANNOT_EDIT_OTHERS)
            rights.require(self._world, channel, self._me, Permission.MANAGE_MESSAGES)
        context = edit_context(message, self._file_limit(channel))
        draft = self._messages.drafter.read(call.data, call.uploads, context)
        if draft.uploaded:
            rights.require(self._world, channel, self._me, Permission.ATTACH_FILES)
        return Answer(body=self._wire(self._messages.edit(message, draft)))

    def _delete(self, call: Call) -> Answer:
        message = self._message(call)
        if message.author_id != self._me:
            channel = self._channel(call)
            if channel.is_dm:
                raise ApiError.of(Code.CANNOT_EDIT_OTHERS)
            rights.require(self._world, channel, self._me, Permission.MANAGE_MESSAGES)
        self._messages.delete(message)
        return NOTHING

    def _bulk_delete(self, call: Call) -> Answer:
        channel = self._channel(call)
        if channel.is_dm:
            raise ApiError.of(Code.WRONG_CHANNEL_TYPE)
        rights.require(self._world, channel, self._me, Permission.MANAGE_MESSAGES)
        ids = as_ids(call.data.get("messages"))
        if not 2 <= len(ids) <= _MOST_BULK:
            raise ApiError.of(Code.BULK_DELETE_COUNT)
        for message in self._messages.history(channel.id, viewer_id=None, limit=10**6):
            if message.id in ids:
                self._messages.delete(message)
        return NOTHING

    # -- reactions -----------------------------------------------------------------------------

    def _react(self, call: Call) -> Answer:
        channel, message = self._channel(call), self._message(call)
        rights.require_unarchived(channel)
        emoji = parse_emoji(call.path["emoji"])
        needed = Permission.READ_MESSAGE_HISTORY
        if emoji not in [item.emoji for item in message.reactions]:
            needed |= Permission.ADD_REACTIONS
        rights.require(self._world, channel, self._me, needed)
        self._messages.react(message, self._me, emoji)
        return NOTHING

    def _unreact(self, call: Call) -> Answer:
        user_id = call.path.get("user", self._me)
        if user_id != self._me:
            rights.require(self._world, self._channel(call), self._me, Permission.MANAGE_MESSAGES)
        self._messages.unreact(self._message(call), user_id, parse_emoji(call.path["emoji"]))
        return NOTHING

    def _clear_reactions(self, call: Call) -> Answer:
        message = self._message(call)
        rights.require(self._world, self._channel(call), self._me, Permission.MANAGE_MESSAGES)
        for reaction in tuple(message.reactions):
            for user_id in tuple(reaction.user_ids):
                self._messages.unreact(message, user_id, reaction.emoji)
        return NOTHING

    def _reactors(self, call: Call) -> Answer:
        emoji = parse_emoji(call.path["emoji"])
        found = [
            self._world.user(user_id).to_wire()
            for reaction in self._message(call).reactions
            if reaction.emoji == emoji
            for user_id in reaction.user_ids
        ]
        return Answer(body=found)

    # -- pins ----------------------------------------------------------------------------------

    def _pins(self, call: Call) -> Answer:
        channel = self._channel(call)
        found = [
            message
            for message in self._messages.history(channel.id, viewer_id=None, limit=10**6)
            if message.pinned
        ]
        items: list[Json] = [
            {"pinned_at": timestamp(message.created_at), "message": self._wire(message)}
            for message in reversed(found)
        ]
        return Answer(body={"items": items, "has_more": False})

    def _pin(self, call: Call) -> Answer:
        self._set_pinned(call, pinned=True)
        return NOTHING

    def _unpin(self, call: Call) -> Answer:
        self._set_pinned(call, pinned=False)
        return NOTHING

    def _set_pinned(self, call: Call, *, pinned: bool) -> None:
        channel, message = self._channel(call), self._message(call)
        rights.require(self._world, channel, self._me, Permission.PIN_MESSAGES)
        if message.pinned == pinned:
            return
        message.pinned = pinned
        self._messages.changed(message)
        if pinned:
            self._messages.notice(channel, self._me, MessageType.PIN_NOTICE, message)

    # -- shared --------------------------------------------------------------------------------

    def _channel(self, call: Call) -> Channel:
        channel = self._world.channel(call.path["channel"])
        rights.require_view(self._world, channel, self._me)
        return channel

    def _message(self, call: Call) -> Message:
        message = self._messages.get(self._channel(call).id, call.path["message"])
        if message.flags & Flag.EPHEMERAL:
            # Ephemeral messages exist for their interaction's token only.
            raise ApiError.of(Code.UNKNOWN_MESSAGE)
        return message

    def _file_limit(self, channel: Channel) -> int:
        guild = self._world.guilds.get(channel.guild_id or "")
        return 10 * MIB if guild is None else guild.attachment_size_limit

    def _wire(self, message: Message) -> JsonObject:
        return self._core.dispatcher.message_wire(message, self._core.gateway.granted)
