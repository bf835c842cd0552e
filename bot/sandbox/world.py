"""The world: who and what there is, looking it up and changing it."""

from __future__ import annotations

from bot.sandbox import permissions
from bot.sandbox.clock import Clock
from bot.sandbox.errors import ApiError, Code
from bot.sandbox.events import Bus, ChannelEvent, GuildEvent, MemberEvent
from bot.sandbox.guild import Channel, ChannelType, Guild, Member, Overwrite, Role, User
from bot.sandbox.permissions import NONE, Permission
from bot.sandbox.snowflake import Snowflakes
from bot.sandbox.wire import Json, JsonObject, timestamp


class World:
    """Everything there is but messages, commands and interactions.

    Methods that change something tell the bus. Lookups raise `ApiError` as Discord answers.
    """

    def __init__(self, clock: Clock, bus: Bus, *, bot_name: str) -> None:
        self.clock = clock
        self.bus = bus
        self.snowflakes = Snowflakes(clock)
        self.users: dict[str, User] = {}
        self.guilds: dict[str, Guild] = {}
        self.channels: dict[str, Channel] = {}
        self.bot = self.add_user(bot_name, display_name=None, bot=True)
        # Discord gives an application and its bot user the same id.
        self.application_id = self.bot.id
        self.application_owner_id = self.bot.id
        self.welcome: JsonObject | None = None

    # -- people ------------------------------------------------------------------------------

    def add_user(self, username: str, *, display_name: str | None, bot: bool = False) -> User:
        """Make a user who is nowhere yet."""
        user = User(id=self.snowflakes.next(), username=username, global_name=display_name, bot=bot)
        self.users[user.id] = user
        return user

    def user(self, user_id: str) -> User:
        """Return the user, or raise 10013."""
        if user_id not in self.users:
            raise ApiError.of(Code.UNKNOWN_USER)
        return self.users[user_id]

    def user_named(self, name: str) -> User:
        """Return the user of that username; raises `KeyError`."""
        for user in self.users.values():
            if user.username == name:
                return user
        raise KeyError(f"nobody is called {name!r}")

    @property
    def people(self) -> list[User]:
        """All users but bots, in the order they joined."""
        return [user for user in self.users.values() if not user.bot]

    # -- guilds ------------------------------------------------------------------------------

    def add_guild(self, name: str, owner_id: str) -> Guild:
        """Make a guild with its owner and the bot in it."""
        now = self.clock.now()
        guild = Guild(id=self.snowflakes.next(), name=name, owner_id=owner_id, created_at=now)
        guild.roles[guild.id] = Role(
            id=guild.id, name="@everyone", permissions=permissions.EVERYDAY
        )
        self.guilds[guild.id] = guild
        self.join(guild, owner_id)
        managed = self.add_role(guild, self.bot.username, Permission.MANAGE_MESSAGES)
        managed.managed_by = self.bot.id
        self.join(guild, self.bot.id, roles=[managed.id])
        return guild

    def guild(self, guild_id: str) -> Guild:
        """Return the guild, or raise 10004."""
        if guild_id not in self.guilds:
            raise ApiError.of(Code.UNKNOWN_GUILD)
        return self.guilds[guild_id]

    def add_role(self, guild: Guild, name: str, bits: Permission = NONE) -> Role:
        """Make a role."""
        role = Role(
            id=self.snowflakes.next(), name=name, permissions=bits, position=len(guild.roles)
        )
        guild.roles[role.id] = role
        return role

    def join(self, guild: Guild, user_id: str, *, roles: list[str] | None = None) -> None:
        """Make the user a member. The bot's own joining announces the whole guild."""
        guild.members[user_id] = Member(
            user_id=user_id, joined_at=self.clock.now(), roles=roles or []
        )
        if user_id == self.bot.id:
            self.bus.publish(GuildEvent(change="create", guild=guild))
        else:
            self.bus.publish(MemberEvent(change="add", guild=guild, user_id=user_id))

    def leave(self, guild: Guild, user_id: str) -> None:
        """End a membership. The bot's own end takes the guild from it."""
        if guild.members.pop(user_id, None) is None:
            raise ApiError.of(Code.UNKNOWN_MEMBER)
        if user_id == self.bot.id:
            self.bus.publish(GuildEvent(change="delete", guild=guild))
        else:
            self.bus.publish(MemberEvent(change="remove", guild=guild, user_id=user_id))

    def give_role(self, guild: Guild, user_id: str, role_id: str) -> None:
        """Give a member a role."""
        member = guild.members[user_id]
        if role_id not in member.roles:
            member.roles.append(role_id)
        self.bus.publish(MemberEvent(change="update", guild=guild, user_id=user_id))

    def member_wire(self, guild: Guild, user_id: str) -> JsonObject:
        """Return Discord's member object with its user, or raise 10007."""
        member = guild.members.get(user_id)
        if member is None:
            raise ApiError.of(Code.UNKNOWN_MEMBER)
        return member.to_wire() | {"user": self.users[user_id].to_wire()}

    # -- channels ----------------------------------------------------------------------------

    def add_channel(self, guild: Guild, name: str, *, nsfw: bool = False) -> Channel:
        """Make a text channel at the end of the list."""
        position = sum(1 for channel in self.channels.values() if channel.guild_id == guild.id)
        return self._announce(
            Channel(
                id=self.snowflakes.next(),
                type=ChannelType.TEXT,
                created_at=self.clock.now(),
                name=name,
                guild_id=guild.id,
                nsfw=nsfw,
                position=position,
            )
        )

    def add_thread(
        self,
        parent: Channel,
        name: str,
        owner_id: str,
        *,
        private: bool = False,
        thread_id: str | None = None,
    ) -> Channel:
        """Make a thread; one made from a message bears the message's id."""
        now = self.clock.now()
        return self._announce(
            Channel(
                id=thread_id or self.snowflakes.next(),
                type=ChannelType.PRIVATE_THREAD if private else ChannelType.PUBLIC_THREAD,
                created_at=now,
                name=name,
                guild_id=parent.guild_id,
                parent_id=parent.id,
                owner_id=owner_id,
                thread_members={owner_id: now},
            )
        )

    def dm_with_bot(self, user_id: str) -> Channel:
        """Return the conversation of that user with the bot; it is made on first use."""
        for channel in self.channels.values():
            if channel.is_dm and set(channel.recipients) == {user_id, self.bot.id}:
                return channel
        return self._announce(
            Channel(
                id=self.snowflakes.next(),
                type=ChannelType.DM,
                created_at=self.clock.now(),
                recipients=[user_id, self.bot.id],
            )
        )

    def channel(self, channel_id: str) -> Channel:
        """Return the channel, or raise 10003."""
        if channel_id not in self.channels:
            raise ApiError.of(Code.UNKNOWN_CHANNEL)
        return self.channels[channel_id]

    def channel_named(self, name: str) -> Channel:
        """Return the channel or thread of that name; raises `KeyError`."""
        for channel in self.channels.values():
            if channel.name == name.lstrip("#"):
                return channel
        raise KeyError(f"no channel is called {name!r}")

    def update_channel(self, channel: Channel) -> None:
        """Tell everybody that the channel's fields have changed."""
        self.bus.publish(ChannelEvent(change="update", channel=channel))

    def delete_channel(self, channel: Channel) -> None:
        """Remove a channel and its threads."""
        for thread in [item for item in self.channels.values() if item.parent_id == channel.id]:
            self.delete_channel(thread)
        self.channels.pop(channel.id, None)
        self.bus.publish(ChannelEvent(change="delete", channel=channel))

    def overwrite(
        self, channel: Channel, target_id: str, *, allow: Permission = NONE, deny: Permission = NONE
    ) -> None:
        """Allow or deny a role or member those bits in a channel, whatever stood before."""
        place = self.channels[channel.parent_id] if channel.is_thread else channel
        guild = self.guild(place.guild_id or "")
        entry = place.overwrites.setdefault(
            target_id, Overwrite(id=target_id, is_role=target_id in guild.roles)
        )
        entry.allow = entry.allow & ~deny | allow
        entry.deny = entry.deny & ~allow | deny
        self.update_channel(place)

    def is_age_restricted(self, channel: Channel) -> bool:
        """Whether the channel, or the one its thread hangs under, is age-restricted."""
        place = self.channels[channel.parent_id] if channel.is_thread else channel
        return place.nsfw

    def sees(self, user_id: str, channel: Channel) -> bool:
        """Whether the user may look into the channel."""
        return bool(permissions.in_channel(self, channel, user_id) & Permission.VIEW_CHANNEL)

    def channel_wire(self, channel: Channel, *, viewer: str | None = None) -> JsonObject:
        """Return Discord's channel object.

        With `viewer`, a DM lists the other side only, as each side sees it.
        """
        wire: JsonObject = {
            "id": channel.id,
            "type": int(channel.type),
            "flags": 0,
            "last_message_id": channel.last_message_id,
        }
        if channel.is_dm:
            others = [item for item in channel.recipients if item != (viewer or self.bot.id)]
            return wire | {"recipients": [self.users[item].to_wire() for item in others]}
        wire |= {
            "guild_id": channel.guild_id,
            "name": channel.name,
            "rate_limit_per_user": channel.slowmode,
            "parent_id": channel.parent_id or None,
        }
        return wire | (self._thread_part(channel) if channel.is_thread else _text_part(channel))

    def thread_member_wire(self, channel: Channel, user_id: str) -> JsonObject:
        """Return Discord's thread member object, or raise 10007."""
        if user_id not in channel.thread_members:
            raise ApiError.of(Code.UNKNOWN_MEMBER)
        return {
            "id": channel.id,
            "user_id": user_id,
            "join_timestamp": timestamp(channel.thread_members[user_id]),
            "flags": 0,
        }

    def _thread_part(self, channel: Channel) -> JsonObject:
        part: JsonObject = {
            "owner_id": channel.owner_id,
            "message_count": channel.message_count,
            "total_message_sent": channel.message_count,
            "member_count": len(channel.thread_members),
            "thread_metadata": {
                "archived": channel.archived,
                "locked": channel.locked,
                "archive_timestamp": timestamp(channel.created_at),
                "create_timestamp": timestamp(channel.created_at),
                "auto_archive_duration": channel.auto_archive_minutes,
                **({"invitable": True} if channel.is_private else {}),
            },
        }
        if self.bot.id in channel.thread_members:
            part["member"] = self.thread_member_wire(channel, self.bot.id)
        return part

    def _announce(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        self.bus.publish(ChannelEvent(change="create", channel=channel))
        return channel


def _text_part(channel: Channel) -> JsonObject:
    overwrites: list[Json] = [item.to_wire() for item in channel.overwrites.values()]
    return {
        "topic": channel.topic,
        "nsfw": channel.nsfw,
        "position": channel.position,
        "permission_overwrites": overwrites,
    }
