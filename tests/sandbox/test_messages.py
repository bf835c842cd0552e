"""Messages of channels, threads and DMs: nonces, replies, mentions, limits, rights."""

from __future__ import annotations

import asyncio
import io

import discord
import pytest

from bot.sandbox import LocalFile, Sandbox
from bot.sandbox.permissions import Permission
from tests.sandbox.bots import Running, SmallBot
from tests.sandbox.pictures import PNG


def _channel(bot: SmallBot, sandbox: Sandbox, name: str = "general") -> discord.TextChannel:
    channel = bot.get_channel(int(sandbox.channel(name).id))
    assert isinstance(channel, discord.TextChannel)
    return channel


async def test_an_enforced_nonce_makes_one_message(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        channel = _channel(bot, sandbox)
        first = await channel.send("once", nonce="job-1")
        second = await channel.send("once", nonce="job-1")
        third = await channel.send("once", nonce="job-2")
        assert first.id == second.id != third.id


async def test_the_bot_lists_fetches_and_deletes(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        channel = _channel(bot, sandbox)
        sent = [await channel.send(str(number)) for number in range(3)]
        listed = [message async for message in channel.history(limit=2)]
        assert [message.content for message in listed] == ["2", "1"]
        assert (await channel.fetch_message(sent[0].id)).content == "0"
        await sent[0].delete()
        with pytest.raises(discord.NotFound) as refusal:
            await channel.fetch_message(sent[0].id)
        assert refusal.value.code == 10008


async def test_a_reply_to_what_is_gone_needs_leave_to_fail(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()
    async with online(bot):
        channel = _channel(bot, sandbox)
        gone = await channel.send("gone")
        await gone.delete()
        with pytest.raises(discord.HTTPException) as refusal:
            await channel.send("reply", reference=gone)
        assert refusal.value.code == 50035
        reference = gone.to_reference(fail_if_not_exists=False)
        assert (await channel.send("reply", reference=reference)).reference is None


async def test_keeping_listed_attachments_and_dropping_the_others(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()
    async with online(bot):
        files = [discord.File(io.BytesIO(PNG), f"{name}.png") for name in "ab"]
        message = await _channel(bot, sandbox).send(files=files)
        added = discord.File(io.BytesIO(b"text"), "c.txt")
        await message.edit(attachments=[message.attachments[1], added])
        seen = (await sandbox.member("bob").messages())[-1]
        assert [item.filename for item in seen.attachments] == ["b.png", "c.txt"]
        assert await sandbox.member("bob").download(seen.attachments[1]) == b"text"


async def test_a_picture_in_an_embed_is_not_listed_as_attachment(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()
    async with online(bot):
        embed = discord.Embed(title="x").set_image(url="attachment://a.png")
        file = discord.File(io.BytesIO(PNG), "a.png")
        message = await _channel(bot, sandbox).send(embed=embed, file=file)
        assert message.attachments == []
        seen = (await sandbox.member("bob").messages())[-1]
        assert await sandbox.member("bob").download(seen.pictures[0]) == PNG


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"content": ""}, 50006),
        ({"content": "x" * 2001}, 50035),
        ({"embeds": [{"title": "x" * 257}]}, 50035),
        ({"embeds": [{"description": "x" * 4097}]}, 50035),
        ({"embeds": [{"description": "x" * 4000}, {"description": "x" * 2001}]}, 50035),
        ({"embeds": [{"title": "x", "fields": [{"name": "", "value": "x"}]}]}, 50035),
        ({"embeds": [{"title": "x"}] * 11}, 50035),
        ({"content": "x", "nonce": "n" * 26}, 50035),
        ({"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}, 50035),
        ({"content": "x", "attachments": [{"id": 5, "filename": "a.png"}]}, 50035),
    ],
)
async def test_what_discord_refuses_of_messages_is_refused(
    sandbox: Sandbox, online: Running, body: dict[str, object], code: int
) -> None:
    bot = SmallBot()
    async with online(bot):
        route = discord.http.Route(
            "POST",
            "/channels/{channel_id}/messages",
            channel_id=int(sandbox.channel("general").id),
        )
        with pytest.raises(discord.HTTPException) as refusal:
            await bot.http.request(route, json=body)
    assert refusal.value.code == code


# -- mentions ------------------------------------------------------------------------------------


async def test_a_channel_message_pings_everything_it_may_by_default(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()
    bob, carol = sandbox.member("bob"), sandbox.member("carol")
    artists = sandbox.world.add_role(sandbox.guild, "artists")
    artists.mentionable = True
    sandbox.world.give_role(sandbox.guild, carol.id, artists.id)
    async with online(bot):
        channel = _channel(bot, sandbox)
        await channel.send(f"<@{bob.id}> <@&{artists.id}> @everyone")
        assert (await bob.messages())[-1].pinged == sorted([bob.id, carol.id])
        sandbox.allow("general", "mention_everyone")
        await channel.send("@everyone")
        everybody = {bob.id, carol.id, sandbox.member("alice").id}
        assert set((await bob.messages())[-1].pinged) == everybody


async def test_an_interaction_s_answer_pings_users_only(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    bob = sandbox.member("bob")
    sandbox.allow("general", "mention_everyone")

    @bot.tree.command(description="Shout.")
    async def shout(interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"<@{bob.id}> @everyone")

    async with online(bot):
        message = await (await sandbox.member("alice").slash("shout")).answered()
        assert message.pinged == [bob.id]


async def test_allowed_mentions_decide(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    bob, carol = sandbox.member("bob"), sandbox.member("carol")
    sandbox.allow("general", "mention_everyone")
    text = f"<@{bob.id}> <@{carol.id}> @everyone"
    async with online(bot):
        channel = _channel(bot, sandbox)
        await channel.send(text, allowed_mentions=discord.AllowedMentions.none())
        assert (await bob.messages())[-1].pinged == []
        only_bob = discord.AllowedMentions(
            everyone=False, roles=False, users=[discord.Object(bob.id)]
        )
        await channel.send(text, allowed_mentions=only_bob)
        assert (await bob.messages())[-1].pinged == [bob.id]


async def test_an_edit_pings_nobody(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    bob = sandbox.member("bob")
    async with online(bot):
        message = await _channel(bot, sandbox).send("quiet")
        edited = await message.edit(content=f"<@{bob.id}>")
        assert [user.name for user in edited.mentions] == ["bob"]
        assert (await bob.messages())[-1].pinged == []


async def test_a_reply_pings_its_author_unless_told_not_to(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()
    bob = sandbox.member("bob")
    async with online(bot):
        channel = _channel(bot, sandbox)
        theirs = await bob.send("hello")
        target = channel.get_partial_message(int(theirs.id))
        await target.reply("loud")
        assert (await bob.messages())[-1].pinged == [bob.id]
        await target.reply("quiet", mention_author=False)
        assert (await bob.messages())[-1].pinged == []


# -- rights --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("denied", "code"),
    [("view_channel", 50001), ("send_messages", 50013), ("attach_files", 50013)],
)
async def test_missing_rights_are_refused(
    sandbox: Sandbox, online: Running, denied: str, code: int
) -> None:
    bot = SmallBot()
    async with online(bot):
        channel = _channel(bot, sandbox)
        sandbox.deny("general", denied)
        with pytest.raises(discord.Forbidden) as refusal:
            await channel.send("x", file=discord.File(io.BytesIO(PNG), "a.png"))
        assert refusal.value.code == code


async def test_embeds_and_replies_need_rights_of_their_own(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()
    async with online(bot):
        channel = _channel(bot, sandbox)
        sent = await channel.send("x")
        sandbox.deny("general", "embed_links", "read_message_history")
        with pytest.raises(discord.Forbidden) as embed:
            await channel.send(embed=discord.Embed(title="x"))
        with pytest.raises(discord.Forbidden) as reply:
            await channel.send("x", reference=sent)
        assert (embed.value.code, reply.value.code) == (50013, 160002)


async def test_others_messages_are_not_the_bot_s_to_edit(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        theirs = await sandbox.member("bob").send("mine")
        message = _channel(bot, sandbox).get_partial_message(int(theirs.id))
        with pytest.raises(discord.Forbidden) as refusal:
            await message.edit(content="yours")
        assert refusal.value.code == 50005
        await message.delete()
        assert await sandbox.member("bob").messages() == []


async def test_a_role_s_rights_and_a_channel_s_overwrites_add_up(sandbox: Sandbox) -> None:
    world, guild, bob = sandbox.world, sandbox.guild, sandbox.member("bob").id
    general = sandbox.channel("general")
    role = world.add_role(guild, "helpers", Permission.MANAGE_MESSAGES)
    world.give_role(guild, bob, role.id)
    bits = Permission.SEND_MESSAGES
    world.overwrite(general, guild.id, deny=bits)
    assert not world.sees("1", general)
    with pytest.raises(Exception, match="50013"):
        await sandbox.member("bob").send("x")
    world.overwrite(general, role.id, allow=bits)
    assert (await sandbox.member("bob").send("x")).content == "x"
    world.overwrite(general, bob, deny=bits)
    with pytest.raises(Exception, match="50013"):
        await sandbox.member("bob").send("x")


async def test_deleted_channels_are_unknown(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        channel = _channel(bot, sandbox)
        sandbox.delete_channel("general")
        with pytest.raises(discord.NotFound) as refusal:
            await channel.send("x")
        assert refusal.value.code == 10003


async def test_a_closed_dm_is_refused(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        user = await bot.fetch_user(int(sandbox.member("bob").id))
        assert (await user.send("hello")).content == "hello"
        assert [item.text for item in await sandbox.member("bob").messages("dm")] == ["hello"]
        sandbox.world.user(sandbox.member("bob").id).accepts_dms = False
        with pytest.raises(discord.Forbidden) as refusal:
            await user.send("hello?")
        assert refusal.value.code == 50007


async def test_threads_open_close_and_lock(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        thread = bot.get_channel(int(sandbox.channel("sketches").id))
        assert isinstance(thread, discord.Thread)
        sent = await thread.send("in the thread")
        sandbox.channel("sketches").archived = True
        with pytest.raises(discord.HTTPException) as archived:
            await sent.edit(content="x")
        await thread.send("opens it again")
        assert not sandbox.channel("sketches").archived
        sandbox.channel("sketches").locked = True
        with pytest.raises(discord.Forbidden) as locked:
            await thread.send("x")
        assert (archived.value.code, locked.value.code) == (50083, 160005)


async def test_the_bot_starts_a_thread_from_a_message(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        message = await _channel(bot, sandbox).send("start")
        thread = await message.create_thread(name="details")
        await thread.send("first")
        assert thread.id == message.id
        texts = [item.text for item in await sandbox.member("bob").messages("details")]
        assert texts == ["first"]


async def test_reactions_are_counted_and_told(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        message = await _channel(bot, sandbox).send("react")
        await message.add_reaction("👍")
        bob = sandbox.member("bob")
        seen = (await bob.messages())[-1]
        waiting = bot.loop.create_task(bot.wait_for("raw_reaction_add", timeout=10))
        await _scheduled()
        await bob.react(seen, "👍")
        event = await waiting
        assert (str(event.user_id), str(event.emoji)) == (bob.id, "👍")
        fetched = await message.fetch()
        assert [(item.count, item.me) for item in fetched.reactions] == [(2, True)]


async def test_a_member_s_upload_reaches_the_bot_in_a_dm(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        waiting = bot.loop.create_task(bot.wait_for("message", timeout=10))
        await _scheduled()
        await sandbox.member("bob").send("see", channel="dm", files=[LocalFile("a.png", PNG)])
        message = await waiting
        assert message.content == "see"
        assert await message.attachments[0].read() == PNG


async def _scheduled() -> None:
    """Let a task that was just made begin to wait."""
    await asyncio.sleep(0)
