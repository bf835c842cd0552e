"""Users, roles, members, channels and guilds: the state of each, and its wire shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from bot.sandbox.permissions import NONE, Permission
from bot.sandbox.wire import JsonObject, timestamp

MIB = 1024 * 1024


class ChannelType(IntEnum):
    """The kinds of channel that the sandbox has."""

    TEXT = 0
    DM = 1
    CATEGORY = 4
    ANNOUNCEMENT = 5
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12


THREADS = frozenset({ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD})


@dataclass(slots=True, kw_only=True)
class User:
    """A person, or the bot."""

    id: str
    username: str
    global_name: str | None = None
    bot: bool = False
    avatar: str | None = None
    accepts_dms: bool = True

    @property
    def display_name(self) -> str:
        """The name that people see."""
        return self.global_name or self.username

    def to_wire(self) -> JsonObject:
        """Return Discord's user object."""
        wire: JsonObject = {
            "id": self.id,
            "username": self.username,
            "discriminator": "0000" if self.bot else "0",
            "global_name": self.global_name,
            "avatar": self.avatar,
            "public_flags": 0,
            "flags": 0,
            "banner": None,
            "accent_color": None,
            "avatar_decoration_data": None,
            "collectibles": None,
            "primary_guild": None,
        }
        if self.bot:
            wire["bot"] = True
        return wire


@dataclass(slots=True, kw_only=True)
class Role:
    """A role of a guild; the one that bears the guild's id is @everyone."""

    id: str
    name: str
    permissions: Permission = NONE
    position: int = 0
    mentionable: bool = False
    managed_by: str | None = None

    def to_wire(self) -> JsonObject:
        """Return Discord's role object."""
        wire: JsonObject = {
            "id": self.id,
            "name": self.name,
            "permissions": str(int(self.permissions)),
            "position": self.position,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": self.managed_by is not None,
            "mentionable": self.mentionable,
            "icon": None,
            "unicode_emoji": None,
            "flags": 0,
        }
        if self.managed_by is not None:
            wire["tags"] = {"bot_id": self.managed_by}
        return wire


@dataclass(slots=True, kw_only=True)
class Member:
    """A user's membership of a guild."""

    user_id: str
    joined_at: float
    roles: list[str] = field(default_factory=list)
    nick: str | None = None

    def to_wire(self) -> JsonObject:
        """Return Discord's member object without its user."""
        return {
            "nick": self.nick,
            "avatar": None,
            "banner": None,
            "roles": [*self.roles],
            "joined_at": timestamp(self.joined_at),
            "premium_since": None,
            "communication_disabled_until": None,
            "pending": False,
            "deaf": False,
            "mute": False,
            "flags": 0,
        }


@dataclass(slots=True, kw_only=True)
class Overwrite:
    """What a channel allows or denies to one role or member beyond the guild's rules."""

    id: str
    is_role: bool
    allow: Permission = NONE
    deny: Permission = NONE

    def to_wire(self) -> JsonObject:
        """Return Discord's overwrite object."""
        return {
            "id": self.id,
            "type": 0 if self.is_role else 1,
            "allow": str(int(self.allow)),
            "deny": str(int(self.deny)),
        }


@dataclass(slots=True, kw_only=True)
class Channel:
    """A guild's channel, a thread or a DM. `parent_id` is a thread's channel, or empty."""

    id: str
    type: ChannelType
    created_at: float
    name: str = ""
    guild_id: str | None = None
    parent_id: str = ""
    topic: str | None = None
    nsfw: bool = False
    position: int = 0
    slowmode: int = 0
    overwrites: dict[str, Overwrite] = field(default_factory=dict)
    recipients: list[str] = field(default_factory=list)
    owner_id: str | None = None
    thread_members: dict[str, float] = field(default_factory=dict)
    archived: bool = False
    locked: bool = False
    auto_archive_minutes: int = 1440
    message_count: int = 0
    last_message_id: str | None = None

    @property
    def is_thread(self) -> bool:
        """Whether this is a thread."""
        return self.type in THREADS

    @property
    def is_private(self) -> bool:
        """Whether only invited members see this thread."""
        return self.type is ChannelType.PRIVATE_THREAD

    @property
    def is_dm(self) -> bool:
        """Whether this is a conversation of two."""
        return self.type is ChannelType.DM


@dataclass(slots=True, kw_only=True)
class Guild:
    """A server."""

    id: str
    name: str
    owner_id: str
    created_at: float
    attachment_size_limit: int = 10 * MIB
    nsfw_level: int = 0
    roles: dict[str, Role] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)

    def to_wire(self) -> JsonObject:
        """Return Discord's guild object, as REST answers it."""
        nothing: JsonObject = dict.fromkeys(
            [
                "icon",
                "description",
                "home_header",
                "splash",
                "discovery_splash",
                "banner",
                "application_id",
                "afk_channel_id",
                "system_channel_id",
                "widget_channel_id",
                "max_presences",
                "vanity_url_code",
                "rules_channel_id",
                "safety_alerts_channel_id",
                "public_updates_channel_id",
                "incidents_data",
            ]
        )
        return nothing | {
            "id": self.id,
            "name": self.name,
            "owner_id": self.owner_id,
            "features": [],
            "region": "deprecated",
            "afk_timeout": 300,
            "system_channel_flags": 0,
            "widget_enabled": False,
            "verification_level": 0,
            "roles": [role.to_wire() for role in self.roles.values()],
            "default_message_notifications": 1,
            "mfa_level": 0,
            "explicit_content_filter": 0,
            "max_members": 500_000,
            "max_stage_video_channel_users": 50,
            "max_video_channel_users": 25,
            "premium_tier": 0,
            "premium_subscription_count": 0,
            "preferred_locale": "en-US",
            "premium_progress_bar_enabled": False,
            "nsfw": self.nsfw_level in {1, 3},
            "nsfw_level": self.nsfw_level,
            "emojis": [],
            "stickers": [],
        }
