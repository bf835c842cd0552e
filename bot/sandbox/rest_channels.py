"""REST: channels and threads."""

from __future__ import annotations

from bot.sandbox import permissions, rights
from bot.sandbox.core import Core
from bot.sandbox.errors import ApiError, Code
from bot.sandbox.events import TypingEvent
from bot.sandbox.form import Form
from bot.sandbox.guild import Channel, ChannelType
from bot.sandbox.message import Flag
from bot.sandbox.permissions import Permission
from bot.sandbox.rest import NOTHING, Answer, Call, Route
from bot.sandbox.wire import Json, as_int

_CHANNEL = "/channels/{channel}"
_ARCHIVE_MINUTES = frozenset({60, 1440, 4320, 10080})


class ChannelRoutes:
    """Handlers by route; the bot acts."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world

    def routes(self) -> list[Route]:
        """Return the table."""
        member = _CHANNEL + "/thread-members"
        return [
            Route("GET", _CHANNEL, self._get),
            Route("PATCH", _CHANNEL, self._change),
            Route("DELETE", _CHANNEL, self._delete),
            Route("POST", _CHANNEL + "/typing", self._typing),
            Route("POST", _CHANNEL + "/threads", self._start_thread),
            Route("POST", _CHANNEL + "/messages/{message}/threads", self._start_from_message),
            Route("GET", _CHANNEL + "/threads/archived/public", self._archived),
            Route("GET", member, self._members),
            Route("PUT", member + "/@me", self._join),
            Route("DELETE", member + "/@me", self._leave),
            Route("GET", member + "/{user}", self._member),
            Route("PUT", member + "/{user}", self._join),
            Route("DELETE", member + "/{user}", self._leave),
            Route("PUT", _CHANNEL + "/permissions/{target}", self._overwrite),
            Route("DELETE", _CHANNEL + "/permissions/{target}", self._remove_overwrite),
        ]

    def _channel(self, call: Call) -> Channel:
        channel = self._world.channel(call.path["channel"])
        rights.require_view(self._world, channel, self._world.bot.id)
        return channel

    def _require(self, channel: Channel, needed: Permission) -> None:
        rights.require(self._world, channel, self._world.bot.id, needed)

    def _get(self, call: Call) -> Answer:
        return Answer(body=self._world.channel_wire(self._channel(call)))

    def _change(self, call: Call) -> Answer:
        channel = self._channel(call)
        own = channel.is_thread and channel.owner_id == self._world.bot.id
        if not own:
            needed = Permission.MANAGE_THREADS if channel.is_thread else Permission.MANAGE_CHANNELS
            self._require(channel, needed)
        form = Form(call.data)
        name = form.text("name", low=1, high=100)
        topic = form.text("topic", high=1024)
        form.errors.raise_if_any()
        channel.name = name or channel.name
        channel.topic = topic if "topic" in form else channel.topic
        channel.nsfw = form.flag("nsfw") if form.has("nsfw") else channel.nsfw
        channel.archived = form.flag("archived") if form.has("archived") else channel.archived
        channel.locked = form.flag("locked") if form.has("locked") else channel.locked
        self._world.update_channel(channel)
        return Answer(body=self._world.channel_wire(channel))

    def _delete(self, call: Call) -> Answer:
        channel = self._channel(call)
        if channel.is_dm:
            return Answer(body=self._world.channel_wire(channel))
        needed = Permission.MANAGE_THREADS if channel.is_thread else Permission.MANAGE_CHANNELS
        self._require(channel, needed)
        wire = self._world.channel_wire(channel)
        self._world.delete_channel(channel)
        return Answer(body=wire)

    def _typing(self, call: Call) -> Answer:
        channel = self._channel(call)
        if not channel.is_dm:
            self._require(channel, permissions.sending_in(channel))
        self._world.bus.publish(TypingEvent(channel=channel, user_id=self._world.bot.id))
        return NOTHING

    # -- threads -------------------------------------------------------------------------------

    def _start_thread(self, call: Call) -> Answer:
        form = Form(call.data)
        private = form.integer("type") != int(ChannelType.PUBLIC_THREAD)
        thread = self._make_thread(self._channel(call), form, private=private, message_id=None)
        return Answer(body=self._world.channel_wire(thread), status=201)

    def _start_from_message(self, call: Call) -> Answer:
        channel = self._channel(call)
        message = self._core.messages.get(channel.id, call.path["message"])
        if message.thread_id is not None:
            raise ApiError.of(Code.THREAD_EXISTS)
        thread = self._make_thread(channel, Form(call.data), private=False, message_id=message.id)
        message.thread_id = thread.id
        message.flags |= Flag.HAS_THREAD
        self._core.messages.changed(message)
        return Answer(body=self._world.channel_wire(thread), status=201)

    def _make_thread(
        self, parent: Channel, form: Form, *, private: bool, message_id: str | None
    ) -> Channel:
        if parent.is_thread or parent.is_dm:
            raise ApiError.of(Code.WRONG_CHANNEL_TYPE)
        self._require(
            parent,
            Permission.CREATE_PRIVATE_THREADS if private else Permission.CREATE_PUBLIC_THREADS,
        )
        name = form.text("name", low=1, high=100, required=True) or ""
        minutes = form.one_of("auto_archive_duration", _ARCHIVE_MINUTES)
        form.errors.raise_if_any()
        thread = self._world.add_thread(
            parent, name, self._world.bot.id, private=private, thread_id=message_id
        )
        thread.auto_archive_minutes = minutes or thread.auto_archive_minutes
        return thread

    def _archived(self, call: Call) -> Answer:
        channel = self._channel(call)
        found = [
            item
            for item in self._world.channels.values()
            if item.parent_id == channel.id and item.archived and not item.is_private
        ]
        threads: list[Json] = [self._world.channel_wire(item) for item in found]
        return Answer(body={"threads": threads, "members": [], "has_more": False})

    def _members(self, call: Call) -> Answer:
        channel = self._channel(call)
        found = channel.thread_members
        return Answer(body=[self._world.thread_member_wire(channel, item) for item in found])

    def _member(self, call: Call) -> Answer:
        return Answer(body=self._world.thread_member_wire(self._channel(call), call.path["user"]))

    def _join(self, call: Call) -> Answer:
        channel = self._channel(call)
        rights.require_unarchived(channel)
        user_id = call.path.get("user", self._world.bot.id)
        channel.thread_members.setdefault(self._world.user(user_id).id, self._world.clock.now())
        return NOTHING

    def _leave(self, call: Call) -> Answer:
        channel = self._channel(call)
        rights.require_unarchived(channel)
        channel.thread_members.pop(call.path.get("user", self._world.bot.id), None)
        return NOTHING

    # -- overwrites ----------------------------------------------------------------------------

    def _overwrite(self, call: Call) -> Answer:
        channel = self._channel(call)
        self._require(channel, Permission.MANAGE_ROLES)
        target = call.path["target"]
        channel.overwrites.pop(target, None)
        self._world.overwrite(
            channel,
            target,
            allow=Permission(as_int(call.data.get("allow"))),
            deny=Permission(as_int(call.data.get("deny"))),
        )
        return NOTHING

    def _remove_overwrite(self, call: Call) -> Answer:
        channel = self._channel(call)
        self._require(channel, Permission.MANAGE_ROLES)
        if channel.overwrites.pop(call.path["target"], None) is None:
            raise ApiError.of(Code.UNKNOWN_OVERWRITE)
        self._world.update_channel(channel)
        return NOTHING
