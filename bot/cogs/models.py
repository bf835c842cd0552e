"""``/models``: what can be drawn with here, and for those who run the bot, looking for more."""

from __future__ import annotations

import discord
from discord import app_commands

from bot import errors, screens
from bot.desk import catalog_for, desk_of
from generation.errors import Refused

models = app_commands.Group(
    name="models",
    description="What can be drawn with here",
    allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
    allowed_contexts=app_commands.AppCommandContext(
        guild=True, dm_channel=True, private_channel=True
    ),
)


@models.command(name="show", description="Show the models that you can draw with here")
async def show(interaction: discord.Interaction) -> None:
    """Tell whoever asks the models that are open to them."""
    await errors.show(interaction, screens.models(catalog_for(interaction).models))


@models.command(name="refresh", description="Look for new models and LoRAs, without a restart")
async def refresh(interaction: discord.Interaction) -> None:
    """Have the workers search their folders, if one of the bot's operators asks."""
    desk = desk_of(interaction)
    if interaction.user.id not in desk.operators:
        raise Refused("Only those who run the bot can do that.")
    await interaction.response.defer(ephemeral=True)
    before = set(desk.catalog.names)
    problems = await desk.rescan()
    now = set(desk.catalog.names)
    card = screens.rescanned(sorted(now - before), sorted(before - now), len(problems))
    await errors.show(interaction, card)
