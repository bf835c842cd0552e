"""The five ways in which a card reaches Discord, each one REST request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import discord

from bot.address import Address
from bot.refusals import Refusals
from bot.replies import Card
from generation.types import JobId

_ORIGINAL = cast("int", "@original")
"""What Discord's routes accept in the place of the id of an interaction's own answer."""


class Post:
    """Sends and edits cards.

    Every method raises what discord.py raises: ``bot.verdicts.SEND_ERRORS``. While Discord has
    refused too much, that is ``discord.RateLimited``, and nothing is sent.
    """

    def __init__(self, client: discord.Client, refusals: Refusals) -> None:
        self._client = client
        self._refusals = refusals

    async def edit_answer(self, address: Address, card: Card) -> int:
        """Edit the answer to the address's interaction; returns its message id."""
        self._refusals.require_few()
        webhook = discord.Webhook.partial(
            address.application_id, address.token or "", client=self._client
        )
        message = await webhook.edit_message(
            address.message_id or _ORIGINAL, view=card.view(), attachments=card.files()
        )
        return message.id

    async def edit_message(self, address: Address, card: Card) -> int:
        """Edit the address's message by the bot's own right."""
        if address.channel_id is None or address.message_id is None:
            raise ValueError("the address has no message")
        self._refusals.require_few()
        channel = self._client.get_partial_messageable(
            address.channel_id, guild_id=address.guild_id
        )
        message = channel.get_partial_message(address.message_id)
        await message.edit(view=card.view(), attachments=card.files())
        return address.message_id

    async def send(
        self, address: Address, card: Card, *, nonce: JobId, reply_to: int | None
    ) -> int:
        """Post a new message in the address's channel that notifies the owner and nobody else.

        ``nonce`` makes Discord return the earlier message when the same one is posted twice
        within a few minutes. Returns the message's id.
        """
        if address.channel_id is None:
            raise ValueError("the address has no channel")
        self._refusals.require_few()
        channel = self._client.get_partial_messageable(
            address.channel_id, guild_id=address.guild_id
        )
        mentions = discord.AllowedMentions(
            everyone=False,
            roles=False,
            users=[discord.Object(address.owner_id)],
            replied_user=False,
        )
        view, files = card.view(), card.files()
        if reply_to is None:
            message = await channel.send(
                view=view, files=files, nonce=nonce, allowed_mentions=mentions
            )
        else:
            reference = discord.MessageReference(
                message_id=reply_to, channel_id=address.channel_id, fail_if_not_exists=False
            )
            message = await channel.send(
                view=view,
                files=files,
                nonce=nonce,
                allowed_mentions=mentions,
                reference=reference,
            )
        return message.id

    async def open_direct(self, user_id: int) -> int:
        """The id of the channel of the bot's private messages with that member."""
        self._refusals.require_few()
        channel = await self._client.create_dm(discord.Object(user_id))
        return channel.id

    async def own_messages(
        self, address: Address, *, since: float, most: int
    ) -> AsyncIterator[discord.Message]:
        """The bot's own messages in the address's channel since that UNIX time, oldest first."""
        if address.channel_id is None or self._client.user is None:
            return
        channel = self._client.get_partial_messageable(
            address.channel_id, guild_id=address.guild_id
        )
        after = discord.Object((int(since * 1000) - discord.utils.DISCORD_EPOCH) << 22)
        async for message in channel.history(limit=most, after=after, oldest_first=True):
            if message.author.id == self._client.user.id:
                yield message
