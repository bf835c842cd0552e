"""Discord's permission bits, and who may do what where."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.sandbox.guild import Channel, Guild
    from bot.sandbox.world import World


class Permission(IntFlag):
    """The bits that decide something in the sandbox, by Discord's names."""

    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    CHANGE_NICKNAME = 1 << 26
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38
    MODERATE_MEMBERS = 1 << 40
    SEND_VOICE_MESSAGES = 1 << 46
    SEND_POLLS = 1 << 49
    PIN_MESSAGES = 1 << 51
    BYPASS_SLOWMODE = 1 << 52


ALL = Permission((1 << 53) - 1)
NONE = Permission(0)
EVERYDAY = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.USE_EXTERNAL_EMOJIS
    | Permission.CHANGE_NICKNAME
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
    | Permission.SEND_VOICE_MESSAGES
    | Permission.SEND_POLLS
)
IN_DM = (EVERYDAY | Permission.PIN_MESSAGES) & ~(
    Permission.CHANGE_NICKNAME
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
)


_WITH_SENDING = (
    Permission.MENTION_EVERYONE
    | Permission.ATTACH_FILES
    | Permission.EMBED_LINKS
    | Permission.SEND_POLLS
)


def named(names: list[str]) -> Permission:
    """Return the bits of those names, such as `attach_files`; raises `KeyError` for another."""
    bits = NONE
    for name in names:
        bits |= Permission[name.upper()]
    return bits


def in_guild(guild: Guild, user_id: str) -> Permission:
    """Return what a member may do in the guild before any channel's overwrites."""
    if guild.owner_id == user_id:
        return ALL
    member = guild.members.get(user_id)
    if member is None:
        return NONE
    bits = guild.roles[guild.id].permissions
    for role_id in member.roles:
        bits |= guild.roles[role_id].permissions
    return ALL if bits & Permission.ADMINISTRATOR else bits


def in_channel(world: World, channel: Channel, user_id: str) -> Permission:
    """Return what a user may do in a channel, thread or DM, as Discord computes it."""
    if channel.guild_id is None:
        return IN_DM if user_id in channel.recipients else NONE
    guild = world.guilds[channel.guild_id]
    base = in_guild(guild, user_id)
    if base in {ALL, NONE}:
        return base
    place = world.channels[channel.parent_id] if channel.is_thread else channel
    bits = _implied(_overwritten(guild, place, user_id, base), sending_in(channel))
    outsider = channel.is_private and user_id not in channel.thread_members
    return NONE if outsider and not bits & Permission.MANAGE_THREADS else bits


def may_send(world: World, channel: Channel, user_id: str) -> bool:
    """Whether the user may send there at all: threads have a permission of their own."""
    return bool(in_channel(world, channel, user_id) & sending_in(channel))


def sending_in(channel: Channel) -> Permission:
    """Return the right that sending there takes."""
    return Permission.SEND_MESSAGES_IN_THREADS if channel.is_thread else Permission.SEND_MESSAGES


def _overwritten(guild: Guild, channel: Channel, user_id: str, bits: Permission) -> Permission:
    everyone = channel.overwrites.get(guild.id)
    if everyone is not None:
        bits = bits & ~everyone.deny | everyone.allow
    allow, deny = NONE, NONE
    for role_id in guild.members[user_id].roles:
        role = channel.overwrites.get(role_id)
        if role is not None:
            allow, deny = allow | role.allow, deny | role.deny
    bits = bits & ~deny | allow
    personal = channel.overwrites.get(user_id)
    return bits if personal is None else bits & ~personal.deny | personal.allow


def _implied(bits: Permission, sending: Permission) -> Permission:
    if not bits & Permission.VIEW_CHANNEL:
        return NONE
    if not bits & sending:
        bits &= ~_WITH_SENDING
    return bits
