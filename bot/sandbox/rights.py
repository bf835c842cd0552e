"""Who may do what with messages: raises what Discord answers to those who may not."""

from __future__ import annotations

from bot.sandbox import permissions
from bot.sandbox.draft import Draft
from bot.sandbox.errors import ApiError, Code
from bot.sandbox.guild import Channel
from bot.sandbox.permissions import Permission
from bot.sandbox.world import World


def require(world: World, channel: Channel, user_id: str, needed: Permission) -> None:
    """Raise 50001 where the user cannot see the channel, 50013 where another right is missing."""
    rights = permissions.in_channel(world, channel, user_id)
    if not rights & Permission.VIEW_CHANNEL:
        raise ApiError.of(Code.MISSING_ACCESS)
    if needed & ~rights:
        raise ApiError.of(Code.MISSING_PERMISSIONS)


def require_view(world: World, channel: Channel, user_id: str) -> None:
    """Raise 50001 where the user cannot see the channel."""
    require(world, channel, user_id, Permission.VIEW_CHANNEL)


def require_send(world: World, channel: Channel, user_id: str, draft: Draft) -> None:
    """Raise where the user may not send this to the channel. Sending reopens an archived thread."""
    sending = Permission.SEND_MESSAGES_IN_THREADS if channel.is_thread else Permission.SEND_MESSAGES
    require(world, channel, user_id, sending | _for_contents(draft))
    if draft.reply_to is not None:
        rights = permissions.in_channel(world, channel, user_id)
        if not rights & Permission.READ_MESSAGE_HISTORY:
            raise ApiError.of(Code.REPLY_NEEDS_HISTORY)
    if channel.is_thread:
        _require_open(world, channel, user_id)
    if channel.is_dm and not all(world.users[item].accepts_dms for item in channel.recipients):
        raise ApiError.of(Code.CANNOT_DM)


def require_answer(world: World, channel: Channel, bot_id: str, draft: Draft) -> None:
    """Raise where the bot may not answer an interaction with this.

    An answer needs no right to see or send, but files need the right to attach them.
    """
    if draft.uploaded and channel.guild_id is not None:
        rights = permissions.in_channel(world, channel, bot_id)
        # Without a view of the channel Discord knows no rights to go by, and lets files through.
        if rights and not rights & Permission.ATTACH_FILES:
            raise ApiError.of(Code.MISSING_PERMISSIONS)


def require_unarchived(channel: Channel) -> None:
    """Raise 50083 where the channel is an archived thread."""
    if channel.archived:
        raise ApiError.of(Code.THREAD_ARCHIVED)


def _for_contents(draft: Draft) -> Permission:
    needed = Permission(0)
    if draft.uploaded:
        needed |= Permission.ATTACH_FILES
    if draft.embeds:
        needed |= Permission.EMBED_LINKS
    return needed


def _require_open(world: World, channel: Channel, user_id: str) -> None:
    rights = permissions.in_channel(world, channel, user_id)
    if channel.locked and not rights & Permission.MANAGE_THREADS:
        raise ApiError.of(Code.THREAD_LOCKED)
    if channel.archived:
        channel.archived = False
        world.update_channel(channel)
