"""A message that mentions the bot: a prompt, and if it replies to a picture, one to start from."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence

import discord

from bot import errors, permissions, replies, uploads
from bot.desk import Desk
from bot.orders import Order, draft_of
from bot.uploads import Pointer
from bot.verdicts import SEND_ERRORS
from generation.errors import Refused
from generation.prompt import Draft

_LOG = logging.getLogger(__name__)

_NOT_VISIBLE = (
    "I cannot see a picture in the message you replied to. Discord shows me my own messages only: "
    "for anyone else's picture, use Apps → Reimagine… on it, or upload it with your message."
)


def mentioned_prompt(message: discord.Message, bot_id: int) -> str | None:
    """What the message asks of the bot, or None if it does not name it.

    The ping of a mere reply is not enough: people also talk about pictures.
    """
    if message.author.bot or message.webhook_id is not None:
        return None
    names = (f"<@{bot_id}>", f"<@!{bot_id}>")
    if not any(name in message.content for name in names):
        return None
    prompt = message.content
    for name in names:
        prompt = prompt.replace(name, " ")
    return " ".join(prompt.split())


async def draw_for(message: discord.Message, prompt: str, *, desk: Desk) -> None:
    """Answer a message that names the bot with a picture, or with what is wrong."""
    answers: list[discord.Message] = []
    async with errors.told(functools.partial(_tell, message, answers)):
        _require_place(message)
        order = Order(draft=draft_of(Draft(prompt=prompt)), picture=await _picture(message))
        guild_id = None if message.guild is None else message.guild.id
        desk.intake.check(order, desk.intake.groups_of(message.author, guild_id))
        answer = await message.reply(
            view=replies.notice("One moment …").view(), mention_author=False
        )
        answers.append(answer)
        ticket = await desk.intake.admit(order, desk.intake.receipt_for(message, answer))
        if ticket.duplicate:
            await answer.delete()


def _require_place(message: discord.Message) -> None:
    if message.guild is None or isinstance(message.channel, discord.DMChannel):
        return
    permissions.require(
        message.channel.permissions_for(message.guild.me),
        thread=isinstance(message.channel, discord.Thread),
    )


async def _picture(message: discord.Message) -> Pointer | None:
    """The picture in the message, or in the one it replies to."""
    picture = uploads.find(message)
    reference = message.reference
    if picture is not None or reference is None or reference.message_id is None:
        return picture
    if isinstance(reference.resolved, discord.Message):
        picture = uploads.find(reference.resolved)
    if picture is None:
        try:
            picture = uploads.find(await message.channel.fetch_message(reference.message_id))
        except discord.HTTPException as error:
            _LOG.info("referenced_message_unreadable code=%s", error.code)
    if picture is None:
        raise Refused(_NOT_VISIBLE)
    return picture


async def _tell(
    message: discord.Message, answers: Sequence[discord.Message], error: Exception
) -> None:
    """Say what went wrong, in place of the answer if there is one."""
    told = errors.explain(error)
    errors.record(error, told, where="mention")
    card = replies.refusal(told.sentence)
    try:
        if answers:
            await answers[0].edit(view=card.view(), attachments=[])
        else:
            await message.reply(view=card.view(), mention_author=False)
    except SEND_ERRORS as failure:
        _LOG.info("refusal_not_shown message=%s kind=%s", message.id, type(failure).__name__)
