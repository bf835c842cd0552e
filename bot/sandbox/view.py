"""The world as one member sees it: the shapes of the page API."""

from __future__ import annotations

from bot.sandbox import permissions
from bot.sandbox.core import Core
from bot.sandbox.guild import Channel, Guild, User
from bot.sandbox.message import Message
from bot.sandbox.permissions import Permission
from bot.sandbox.wire import Json, JsonObject, timestamp


class MemberView:
    """Writes objects for a member. Everything here may be shown to them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world

    def state(self, user_id: str) -> JsonObject:
        """Return what `GET /sandbox/api/state` answers."""
        world = self._world
        guild = self.guild_of(user_id)
        state: JsonObject = {
            "me": self.user(world.user(user_id)),
            "users": [self.user(item) for item in world.people],
            "bot": self.bot(),
            "application": {"id": world.application_id, "name": world.bot.display_name},
            "guild": {
                "id": guild.id,
                "name": guild.name,
                "owner_id": guild.owner_id,
                "roles": [role.to_wire() for role in guild.roles.values()],
                "attachment_size_limit": guild.attachment_size_limit,
            },
            "channels": [self.channel(item, user_id) for item in self.channels(user_id)],
            "commands": self.commands(user_id),
            "now": timestamp(world.clock.now()),
        }
        if world.welcome is not None:
            state["welcome"] = world.welcome
        return state

    def guild_of(self, user_id: str) -> Guild:
        """Return the guild that the page shows: the first in which the user is, or the first."""
        guilds = list(self._world.guilds.values())
        return next((item for item in guilds if user_id in item.members), guilds[0])

    def user(self, user: User) -> JsonObject:
        """Return a user with what a page needs besides."""
        base = self._core.cdn.base
        number = (int(user.id) >> 22) % 6
        avatar = f"/avatars/{user.id}/{user.avatar}.png" if user.avatar else None
        guild = next(iter(self._world.guilds.values()))
        rights = permissions.in_guild(guild, user.id)
        return user.to_wire() | {
            "display_name": user.display_name,
            "avatar_url": base + (avatar or f"/embed/avatars/{number}.png"),
            "is_admin": bool(rights & Permission.ADMINISTRATOR),
            "bot": user.bot,
        }

    def bot(self) -> JsonObject:
        """Return how the bot is doing."""
        gateway = self._core.gateway
        status = gateway.presence["status"] if gateway.online else "offline"
        return {
            "user": self.user(self._world.bot),
            "online": gateway.online,
            "status": status,
            "activities": gateway.presence["activities"] if gateway.online else [],
        }

    def channels(self, user_id: str) -> list[Channel]:
        """Return the channels that the user sees; their DM with the bot is always among them."""
        own = self._world.dm_with_bot(user_id)
        found = [
            item
            for item in self._world.channels.values()
            if not item.is_dm and self._world.sees(user_id, item)
        ]
        return [*found, own]

    def channel(self, channel: Channel, user_id: str) -> JsonObject:
        """Return a channel with the user's rights there."""
        rights = permissions.in_channel(self._world, channel, user_id)
        can_send = permissions.may_send(self._world, channel, user_id)
        return self._world.channel_wire(channel, viewer=user_id) | {
            "can_send": can_send,
            "can_attach": can_send and bool(rights & Permission.ATTACH_FILES),
        }

    def commands(self, user_id: str) -> list[Json]:
        """Return the commands that the user may use somewhere, with where."""
        places: dict[str, list[str]] = {}
        found: dict[str, JsonObject] = {}
        for channel in self.channels(user_id):
            for command in self._core.commands.usable(user_id, channel):
                places.setdefault(command.id, []).append(channel.id)
                found[command.id] = command.wire
        return [wire | {"channel_ids": [*places[key]]} for key, wire in found.items()]

    def message(self, message: Message, user_id: str) -> JsonObject:
        """Return a message, the one it replies to and whom it pinged."""
        wire = self._message(message, user_id)
        if message.reference is not None:
            replied = self._core.messages.find(message.reference[1])
            shown = replied is not None and replied.visible_to(user_id)
            wire["referenced_message"] = (
                self._message(replied, user_id) if replied is not None and shown else None
            )
        return wire

    def _message(self, message: Message, user_id: str) -> JsonObject:
        wire = self._core.messages.writer.write(message, viewer_id=user_id)
        return wire | {"sandbox": {"pinged": sorted(message.pinged)}}
