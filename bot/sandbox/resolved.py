"""The `resolved` part of an interaction: whole objects for the ids that its data names."""

from __future__ import annotations

from bot.sandbox import permissions
from bot.sandbox.cdn import Attachment, Cdn
from bot.sandbox.errors import ApiError, Code
from bot.sandbox.guild import Channel
from bot.sandbox.wire import Json, JsonObject, as_object
from bot.sandbox.world import World


class Resolved:
    """Gathers objects by kind, as they are named."""

    def __init__(self, world: World, cdn: Cdn, channel: Channel, user_id: str) -> None:
        self._world = world
        self._cdn = cdn
        self._channel = channel
        self._user_id = user_id
        self._found: dict[str, dict[str, Json]] = {}

    def add_user(self, user_id: str) -> None:
        """Add a user, and their membership where the interaction happens in a guild."""
        self._put("users", user_id, self._world.user(user_id).to_wire())
        guild = self._world.guilds.get(self._channel.guild_id or "")
        if guild is not None and user_id in guild.members:
            rights = permissions.in_channel(self._world, self._channel, user_id)
            member = guild.members[user_id].to_wire() | {"permissions": str(int(rights))}
            self._put("members", user_id, member)

    def add_role(self, role_id: str) -> None:
        """Add a role of the guild; raises 10011 for another."""
        guild = self._world.guild(self._channel.guild_id or "")
        if role_id not in guild.roles:
            raise ApiError.of(Code.UNKNOWN_ROLE)
        self._put("roles", role_id, guild.roles[role_id].to_wire())

    def add_channel(self, channel_id: str) -> None:
        """Add a channel."""
        channel = self._world.channel(channel_id)
        rights = permissions.in_channel(self._world, channel, self._user_id)
        wire = self._world.channel_wire(channel) | {"permissions": str(int(rights))}
        self._put("channels", channel_id, wire)

    def add_attachment(self, attachment: Attachment) -> None:
        """Add an uploaded file."""
        self._put("attachments", attachment.id, self._cdn.to_wire(attachment))

    def add_message(self, wire: JsonObject) -> None:
        """Add a message, already written."""
        self._put("messages", str(wire["id"]), wire)

    def to_wire(self) -> JsonObject:
        """Return what was gathered."""
        return {kind: as_object(found) for kind, found in self._found.items()}

    def _put(self, kind: str, key: str, wire: JsonObject) -> None:
        self._found.setdefault(kind, {})[key] = wire
