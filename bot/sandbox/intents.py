"""Gateway intents: which events a session gets, and how much of a message."""

from __future__ import annotations

from enum import IntFlag

from bot.sandbox.message import Message


class Intent(IntFlag):
    """The intents that decide something in the sandbox."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    GUILD_MESSAGE_TYPING = 1 << 11
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    DIRECT_MESSAGE_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15


NO_INTENTS = Intent(0)
PRIVILEGED = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT


def hides_content(message: Message, bot_id: str, intents: Intent) -> bool:
    """Whether the bot gets this message without content, embeds, components and attachments.

    It never does with the intent, for its own messages, in DMs, or where it is mentioned.
    """
    return not (
        intents & Intent.MESSAGE_CONTENT
        or message.author_id == bot_id
        or message.guild_id is None
        or bot_id in message.mentions.users
    )
