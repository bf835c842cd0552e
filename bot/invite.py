"""The link with which an admin adds the bot to a server."""

from __future__ import annotations

import discord

PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
)
"""The least that every feature works with."""


def invite_link(application_id: str) -> str:
    """Asks for ``PERMISSIONS`` and the right to offer commands."""
    return discord.utils.oauth_url(
        int(application_id),
        permissions=PERMISSIONS,
        scopes=("bot", "applications.commands"),
    )
