"""Registering commands, using their options, and who may use them where."""

from __future__ import annotations

import asyncio
from typing import Literal

import discord
import pytest
from discord import app_commands

from bot.sandbox import ActionRefused, LocalFile, Sandbox
from tests.sandbox.bots import Running, SmallBot
from tests.sandbox.pictures import PNG


async def test_options_of_every_type_arrive(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    got: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()

    @bot.tree.command(description="Take everything.")
    async def everything(  # noqa: PLR0917 - every kind of option there is
        interaction: discord.Interaction,
        text: str,
        count: app_commands.Range[int, 1, 9],
        ratio: app_commands.Range[float, 0.0, 1.0],
        loud: bool,
        who: discord.Member,
        where: discord.TextChannel,
        role: discord.Role,
        style: Literal["oil", "ink"],
        image: discord.Attachment,
    ) -> None:
        await interaction.response.defer()
        data = await image.read()
        got.set_result(
            [text, count, ratio, loud, who.name, where.name, role.name, style, data, image.width]
        )

    async with online(bot):
        general = sandbox.channel("general").id
        await sandbox.member("alice").slash(
            "everything",
            text="hi",
            count=3,
            ratio=0.5,
            loud=True,
            who=sandbox.member("bob"),
            where=general,
            role=next(item.id for item in sandbox.guild.roles.values() if item.name == "Admin"),
            style="ink",
            image=LocalFile("my cat.png", PNG),
        )
        expected = ["hi", 3, 0.5, True, "bob", "general", "Admin", "ink", PNG, 8]
        assert await got == expected


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"steps": 0},
        {"steps": 101},
        {"steps": "many"},
        {"steps": 5, "style": "crayon"},
        {"steps": 5, "word": "x" * 11},
        {"steps": 5, "unknown": 1},
    ],
)
async def test_what_the_client_would_not_send_is_refused(
    sandbox: Sandbox, online: Running, options: dict[str, str | int]
) -> None:
    bot = SmallBot()

    @bot.tree.command(description="Be strict.")
    async def strict(
        interaction: discord.Interaction,
        steps: app_commands.Range[int, 1, 100],
        style: Literal["oil", "ink"] = "oil",
        word: app_commands.Range[str, 1, 10] = "x",
    ) -> None:
        await interaction.response.send_message(f"{steps} {style} {word}")

    async with online(bot):
        with pytest.raises(ActionRefused):
            await sandbox.member("alice").slash("strict", **options)  # type: ignore[arg-type]


async def test_subcommands_are_found_by_their_full_name(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    group = app_commands.Group(name="settings", description="Settings.")
    inner = app_commands.Group(name="model", description="Models.", parent=group)

    @inner.command(description="Choose a model.")
    async def choose(interaction: discord.Interaction, name: str) -> None:
        await interaction.response.send_message(f"chose {name}")

    bot.tree.add_command(group)
    async with online(bot):
        use = await sandbox.member("alice").slash("settings model choose", name="small")
        assert (await use.answered()).content == "chose small"


async def test_autocomplete_offers_what_the_bot_suggests(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()

    @bot.tree.command(description="Pick.")
    async def pick(interaction: discord.Interaction, kind: str, model: str) -> None:
        await interaction.response.send_message(f"{kind} {model}")

    @pick.autocomplete("model")
    async def suggest(
        interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        kind = interaction.namespace.kind
        return [app_commands.Choice(name=f"{kind}-{current}-1", value="1")]

    async with online(bot):
        alice = sandbox.member("alice")
        choices = await alice.autocomplete("pick", typing="model", text="ab", kind="x")
        assert choices == [{"name": "x-ab-1", "value": "1"}]


async def test_commands_for_administrators_are_offered_to_them_only(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()

    @bot.tree.command(description="Rule.")
    @app_commands.default_permissions(manage_guild=True)
    async def rule(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("ruled")

    async with online(bot):
        use = await sandbox.member("alice").slash("rule")
        assert (await use.answered()).content == "ruled"
        assert await sandbox.member("bob").commands("general") == []
        with pytest.raises(ActionRefused) as refusal:
            await sandbox.member("bob").slash("rule")
        assert refusal.value.code == 10063


async def test_age_restricted_commands_work_in_age_restricted_places_only(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()

    @bot.tree.command(description="Adults only.", nsfw=True)
    async def adult(interaction: discord.Interaction) -> None:
        channel = interaction.channel
        assert isinstance(channel, discord.TextChannel)
        await interaction.response.send_message(str(channel.is_nsfw()))

    async with online(bot):
        bob = sandbox.member("bob")
        use = await bob.slash("adult", channel="after-dark")
        assert (await use.answered()).content == "True"
        with pytest.raises(ActionRefused):
            await bob.slash("adult", channel="general")
        with pytest.raises(ActionRefused):
            await bob.slash("adult", channel="sketches")


async def test_contexts_decide_between_guild_and_dm(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()

    @bot.tree.command(description="Guilds only.")
    @app_commands.guild_only()
    async def here(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("guild")

    @bot.tree.command(description="DMs only.")
    @app_commands.dm_only()
    async def private(interaction: discord.Interaction) -> None:
        permissions = interaction.app_permissions
        await interaction.response.send_message(
            f"{interaction.context.dm_channel} {permissions.attach_files}"
        )

    async with online(bot):
        bob = sandbox.member("bob")
        use = await bob.slash("private", channel="dm")
        assert (await use.answered()).content == "True True"
        for command, place in (("here", "dm"), ("private", "general")):
            with pytest.raises(ActionRefused):
                await bob.slash(command, channel=place)


async def test_a_guild_s_command_hides_the_global_one(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()

    @bot.tree.command(description="Everywhere.")
    async def greet(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("global")

    @bot.tree.command(name="greet", description="Here.", guild=discord.Object(sandbox.guild.id))
    async def greet_here(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("guild")

    async with online(bot):
        await bot.tree.sync(guild=discord.Object(sandbox.guild.id))
        use = await sandbox.member("alice").slash("greet")
        assert (await use.answered()).content == "guild"


async def test_syncing_again_keeps_ids_and_drops_what_is_gone(
    online: Running,
) -> None:
    bot = SmallBot()

    @bot.tree.command(description="One.")
    async def one(interaction: discord.Interaction) -> None:
        await interaction.response.defer()

    @bot.tree.command(description="Two.")
    async def two(interaction: discord.Interaction) -> None:
        await interaction.response.defer()

    async with online(bot):
        before = {item.name: item.id for item in await bot.tree.fetch_commands()}
        bot.tree.remove_command("two")
        await bot.tree.sync()
        after = {item.name: item.id for item in await bot.tree.fetch_commands()}
        assert after == {"one": before["one"]}


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Upper", "description": "x"},
        {"name": "has space", "description": "x"},
        {"name": "x" * 33, "description": "x"},
        {"name": "x", "description": ""},
        {"name": "x", "description": "x" * 101},
        {"name": "Menu", "type": 3, "description": "x"},
        {
            "name": "x",
            "description": "x",
            "options": [{"type": 3, "name": "Y", "description": "y"}],
        },
        {
            "name": "x",
            "description": "x",
            "options": [
                {"type": 3, "name": "a", "description": "a"},
                {"type": 3, "name": "b", "description": "b", "required": True},
            ],
        },
        {
            "name": "x",
            "description": "x",
            "options": [
                {
                    "type": 3,
                    "name": "a",
                    "description": "a",
                    "autocomplete": True,
                    "choices": [{"name": "c", "value": "c"}],
                }
            ],
        },
    ],
)
async def test_what_discord_refuses_of_commands_is_refused(
    sandbox: Sandbox, online: Running, body: dict[str, object]
) -> None:
    bot = SmallBot()
    async with online(bot):
        with pytest.raises(discord.HTTPException) as refusal:
            await bot.http.upsert_global_command(int(sandbox.world.application_id), body)  # type: ignore[arg-type]
    assert refusal.value.code == 50035
