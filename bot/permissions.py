"""Who may do what, and what the bot itself may do, judged anew at every command and press."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import discord

from generation.access import Groups
from generation.errors import Refused

OPERATOR: Final = "operator"
"""The group of those who run the bot."""

_NEEDED: Final = (
    ("view_channel", "View Channel"),
    ("send_messages", "Send Messages"),
    ("attach_files", "Attach Files"),
)
_THREAD_NEEDED: Final = (
    ("view_channel", "View Channel"),
    ("send_messages_in_threads", "Send Messages in Threads"),
    ("attach_files", "Attach Files"),
)


def role_group(role_id: int | str) -> str:
    """The group of those who have a role."""
    return f"role:{role_id}"


def server_group(guild_id: int) -> str:
    """The group of everyone in a server."""
    return f"server:{guild_id}"


def groups_of(
    user: discord.User | discord.Member, guild_id: int | None, operators: Collection[int]
) -> Groups:
    """What the user belongs to where they speak: their roles and the server, as it stands now.

    In private messages nobody has a role.
    """
    roles = user.roles if isinstance(user, discord.Member) else []
    groups = {role_group(role.id) for role in roles}
    if guild_id is not None:
        groups.add(server_group(guild_id))
    if user.id in operators:
        groups.add(OPERATOR)
    return frozenset(groups)


def is_admin(interaction: discord.Interaction, operators: Collection[int]) -> bool:
    """True for those who manage the server, and for the bot's operators anywhere.

    Discord hides admin commands from others, but its documentation calls that a hint: it is
    not enforced everywhere, so this check decides.
    """
    if interaction.user.id in operators:
        return True
    return interaction.guild_id is not None and interaction.permissions.manage_guild


def is_moderator(interaction: discord.Interaction, operators: Collection[int]) -> bool:
    """True for those who may delete other people's messages here."""
    if is_admin(interaction, operators):
        return True
    return interaction.guild_id is not None and interaction.permissions.manage_messages


def require_place(interaction: discord.Interaction) -> None:
    """Check that the bot can show a result here. Raises ``Refused`` naming what is missing.

    Where only the member has installed the app, it acts with the member's rights, and Discord
    itself shows the answer to them alone if these do not suffice.
    """
    if interaction.guild_id is None or not interaction.is_guild_integration():
        return
    require(interaction.app_permissions, thread=isinstance(interaction.channel, discord.Thread))


def require(granted: discord.Permissions, *, thread: bool) -> None:
    """Check the bot's permissions in a server's channel. Raises ``Refused`` naming the missing."""
    needed = _THREAD_NEEDED if thread else _NEEDED
    missing = [title for name, title in needed if not getattr(granted, name)]
    if granted.administrator or not missing:
        return
    names = " and ".join(missing)
    word = "permission" if len(missing) == 1 else "permissions"
    raise Refused(
        f"I cannot show pictures in this channel: I lack the {word} {names}. "
        "Please ask an admin to grant it, or try another channel."
    )
