"""What the message content intent hides, and from whom."""

from __future__ import annotations

import asyncio

import discord
import pytest

from bot.sandbox import Intent, LocalFile, Sandbox
from tests.sandbox.bots import Running, SmallBot
from tests.sandbox.pictures import PNG


async def _heard(bot: SmallBot, sandbox: Sandbox, content: str, **options: str) -> discord.Message:
    waiting = asyncio.create_task(
        bot.wait_for("message", check=lambda item: item.author.name == "bob", timeout=10)
    )
    await asyncio.sleep(0)
    await sandbox.member("bob").send(content, files=[LocalFile("a.png", PNG)], **options)
    message = await waiting
    assert isinstance(message, discord.Message)
    return message


async def test_without_the_intent_a_message_arrives_blank(
    sandbox: Sandbox, online: Running
) -> None:
    async with online(SmallBot()) as bot:
        message = await _heard(bot, sandbox, "hello")
        assert (message.content, message.attachments) == ("", [])
        fetched = await message.fetch()
        assert (fetched.content, fetched.attachments) == ("", [])


async def test_a_mention_of_the_bot_shows_the_message(sandbox: Sandbox, online: Running) -> None:
    async with online(SmallBot()) as bot:
        message = await _heard(bot, sandbox, f"<@{sandbox.world.bot.id}> hello")
        assert message.content.endswith("hello")
        assert len(message.attachments) == 1


async def test_a_dm_shows_the_message(sandbox: Sandbox, online: Running) -> None:
    async with online(SmallBot()) as bot:
        assert (await _heard(bot, sandbox, "hello", channel="dm")).content == "hello"


async def test_the_message_replied_to_stays_blank(sandbox: Sandbox, online: Running) -> None:
    async with online(SmallBot()) as bot:
        first = await sandbox.member("carol").send("secret")
        mention = f"<@{sandbox.world.bot.id}> read that"
        message = await _heard(bot, sandbox, mention, reply_to=first.id)
        assert message.reference is not None
        replied = message.reference.resolved
        assert isinstance(replied, discord.Message)
        assert replied.content == ""


async def test_the_bot_s_own_messages_are_never_blank(sandbox: Sandbox, online: Running) -> None:
    async with online(SmallBot()) as bot:
        channel = bot.get_partial_messageable(int(sandbox.channel("general").id))
        sent = await channel.send("mine")
        assert (await channel.fetch_message(sent.id)).content == "mine"


@pytest.mark.parametrize("granted", [Intent.MESSAGE_CONTENT])
async def test_with_the_intent_a_message_arrives_whole(sandbox: Sandbox, online: Running) -> None:
    intents = discord.Intents.default()
    intents.message_content = True
    async with online(SmallBot(intents=intents)) as bot:
        message = await _heard(bot, sandbox, "hello")
        assert message.content == "hello"
        assert await message.attachments[0].read() == PNG


async def test_ephemeral_answers_are_no_messages_of_the_channel(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()

    @bot.tree.command(description="Whisper.")
    async def whisper(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("psst", ephemeral=True)

    async with online(bot):
        use = await sandbox.member("alice").slash("whisper")
        message = await use.answered()
        channel = bot.get_partial_messageable(int(message.channel_id))
        with pytest.raises(discord.NotFound):
            await channel.fetch_message(int(message.id))
        assert [item async for item in channel.history()] == []
        await channel.send("end")
        await sandbox.member("alice").wait_for(lambda item: item.content == "end")
        assert all(item.content != "psst" for item in bot.received)
