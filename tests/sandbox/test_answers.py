"""How a bot may answer a slash command, and how long."""

from __future__ import annotations

import asyncio
import io

import aiohttp
import discord
import pytest
from discord import ui

from bot.sandbox import Fault, ManualClock, NoAnswerError, Sandbox
from tests.sandbox.bots import Running, SmallBot
from tests.sandbox.pictures import PNG


async def test_a_slash_command_is_answered(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()

    @bot.tree.command(description="Say hello.")
    async def hello(interaction: discord.Interaction, name: str) -> None:
        await interaction.response.send_message(f"hello {name}")

    async with online(bot):
        use = await sandbox.member("alice").slash("hello", name="world")
        message = await use.answered()
    assert message.content == "hello world"
    assert use.states == ["sent", "answered"]


async def test_everybody_sees_a_public_answer_and_only_its_owner_an_ephemeral_one(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()

    @bot.tree.command(description="Answer.")
    async def answer(interaction: discord.Interaction, hidden: bool) -> None:
        await interaction.response.send_message(f"hidden={hidden}", ephemeral=hidden)

    async with online(bot):
        alice, bob = sandbox.member("alice"), sandbox.member("bob")
        hidden = await (await alice.slash("answer", hidden=True)).answered()
        shown = await (await alice.slash("answer", hidden=False)).answered()
        assert hidden.ephemeral
        assert [item.id for item in await alice.messages()] == [hidden.id, shown.id]
        assert [item.id for item in await bob.messages()] == [shown.id]


async def test_a_deferral_becomes_components_v2_with_files(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()
    edited = asyncio.Event()

    @bot.tree.command(description="Draw.")
    async def draw(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await interaction.edit_original_response(view=_layout("Step 1 of 2"))
        await edited.wait()
        picture = discord.File(io.BytesIO(PNG), "picture.png", description="a cat")
        view = _layout("Done", gallery="attachment://picture.png")
        await interaction.edit_original_response(view=view, attachments=[picture])

    async with online(bot):
        alice = sandbox.member("alice")
        use = await alice.slash("draw")
        progress = await use.message_where(lambda message: "Step 1" in message.text)
        assert progress.flags & (1 << 15)
        edited.set()
        done = await use.message_where(lambda message: "Done" in message.text)
        assert done.id == progress.id
        assert [item.filename for item in done.attachments] == ["picture.png"]
        assert done.attachments[0].description == "a cat"
        assert await alice.download(done.pictures[0]) == PNG
        assert not bot.errors


async def test_the_finished_message_can_be_edited_again_keeping_its_files(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()

    async with online(bot):
        channel = bot.get_channel(int(sandbox.channel("general").id))
        assert isinstance(channel, discord.TextChannel)
        file = discord.File(io.BytesIO(PNG), "a.png")
        sent = await channel.send(view=_layout("one", gallery="attachment://a.png"), file=file)
        await sent.edit(
            view=_layout("two", gallery="attachment://a.png"), attachments=sent.attachments
        )
        seen = (await sandbox.member("bob").messages())[-1]
        assert seen.text == "two"
        assert await sandbox.member("bob").download(seen.pictures[0]) == PNG


async def test_an_answer_after_three_seconds_is_refused_and_the_member_told(
    sandbox: Sandbox, online: Running, clock: ManualClock
) -> None:
    bot = SmallBot()
    called, go_on = asyncio.Event(), asyncio.Event()
    refused: asyncio.Future[discord.NotFound] = asyncio.get_running_loop().create_future()

    @bot.tree.command(description="Be slow.")
    async def slow(interaction: discord.Interaction) -> None:
        called.set()
        await go_on.wait()
        try:
            await interaction.response.send_message("late")
        except discord.NotFound as error:
            refused.set_result(error)

    async with online(bot):
        use = await sandbox.member("alice").slash("slow")
        await called.wait()
        clock.advance(3.0)
        assert await use.failed() == "The application did not respond"
        go_on.set()
        assert (await refused).code == 10062
        with pytest.raises(NoAnswerError):
            await use.answered()


async def test_a_second_acknowledgement_is_refused(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    refused: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @bot.tree.command(description="Answer twice.")
    async def twice(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("once")
        interaction.response._response_type = None
        try:
            await interaction.response.send_message("twice")
        except discord.HTTPException as error:
            refused.set_result(error.code)

    async with online(bot):
        await (await sandbox.member("alice").slash("twice")).answered()
        assert await refused == 40060


async def test_the_token_dies_after_fifteen_minutes(
    sandbox: Sandbox, online: Running, clock: ManualClock
) -> None:
    bot = SmallBot()
    go_on = asyncio.Event()
    refused: asyncio.Future[discord.HTTPException] = asyncio.get_running_loop().create_future()

    @bot.tree.command(description="Take long.")
    async def long(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await go_on.wait()
        try:
            await interaction.edit_original_response(content="too late")
        except discord.HTTPException as error:
            refused.set_result(error)

    async with online(bot):
        use = await sandbox.member("alice").slash("long")
        await use.acknowledged()
        clock.advance(15 * 60)
        go_on.set()
        error = await refused
        assert (error.status, error.code) == (401, 50027)
        assert await use.failed() == "The application did not respond"
        assert use.message is not None
        assert use.message.loading


async def test_the_first_follow_up_takes_the_place_of_the_loading_message(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()

    @bot.tree.command(description="Follow up.")
    async def follow(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        await interaction.followup.send("first")
        await interaction.followup.send("second", ephemeral=True)

    async with online(bot):
        alice = sandbox.member("alice")
        use = await alice.slash("follow")
        await alice.wait_for(lambda message: message.content == "second")
        assert use.message is not None
        assert use.message.content == "first"
        assert [(item.content, item.ephemeral) for item in await alice.messages()] == [
            ("first", True),
            ("second", True),
        ]


async def test_a_file_over_the_interaction_s_limit_is_refused(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()
    outcome: asyncio.Queue[int] = asyncio.Queue()

    @bot.tree.command(description="Send a file.")
    async def upload(interaction: discord.Interaction, size: int) -> None:
        await interaction.response.defer()
        file = discord.File(io.BytesIO(b"x" * size), "file.bin")
        assert interaction.filesize_limit == 1000
        try:
            await interaction.edit_original_response(attachments=[file])
        except discord.HTTPException as error:
            outcome.put_nowait(error.code)
        else:
            outcome.put_nowait(0)

    async with online(bot):
        alice = sandbox.member("alice")
        await alice.slash("upload", size=1001, attachment_size_limit=1000)
        assert await outcome.get() == 40005
        await alice.slash("upload", size=1000, attachment_size_limit=1000)
        assert await outcome.get() == 0


async def test_files_that_fit_singly_are_refused_together_above_25_mib(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()

    async with online(bot):
        channel = bot.get_channel(int(sandbox.channel("general").id))
        assert isinstance(channel, discord.TextChannel)
        nine = b"x" * (9 * 1024 * 1024)
        files = [discord.File(io.BytesIO(nine), f"{number}.bin") for number in range(3)]
        with pytest.raises(discord.HTTPException) as refusal:
            await channel.send(files=files)
        assert (refusal.value.status, refusal.value.code) == (413, 40005)
        files = [discord.File(io.BytesIO(nine), f"{number}.bin") for number in range(2)]
        assert len((await channel.send(files=files)).attachments) == 2


async def test_an_acknowledgement_whose_answer_is_lost_counts(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()
    lost: asyncio.Future[aiohttp.ClientError] = asyncio.get_running_loop().create_future()

    @bot.tree.command(description="Defer.")
    async def think(interaction: discord.Interaction) -> None:
        try:
            await interaction.response.defer(thinking=True)
        except aiohttp.ClientError as error:
            lost.set_result(error)

    fault = sandbox.fault(Fault(kind="lost_answer", method="POST", route="/callback$"))
    async with online(bot):
        use = await sandbox.member("alice").slash("think")
        await use.acknowledged()
        assert use.message is not None
        assert use.message.loading
        assert isinstance(await lost, aiohttp.ServerDisconnectedError)
        assert fault.hits == 1


class _Layout(ui.LayoutView):
    pass


def _layout(text: str, *, gallery: str | None = None) -> ui.LayoutView:
    view = _Layout()
    container: ui.Container[_Layout] = ui.Container(ui.TextDisplay(text))
    if gallery is not None:
        container.add_item(ui.MediaGallery(discord.MediaGalleryItem(gallery)))
    view.add_item(container)
    return view
