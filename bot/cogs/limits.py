"""``/limits``: what this server allows, and for those who manage it, changing that."""

from __future__ import annotations

import discord
from discord import app_commands

from bot import errors, permissions, screens
from bot.desk import desk_of
from bot.intake import scope_of
from generation.errors import Refused
from generation.limits import LIMITS

limits = app_commands.Group(
    name="limits",
    description="What may be asked for here",
    allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    allowed_contexts=app_commands.AppCommandContext(
        guild=True, dm_channel=False, private_channel=False
    ),
)


@limits.command(name="show", description="Show what may be asked for here")
async def show(interaction: discord.Interaction) -> None:
    """Tell the server's limits to whoever asks."""
    await interaction.response.defer(ephemeral=True)
    scope = scope_of(interaction.guild_id, interaction.user.id)
    values = await desk_of(interaction).queue.limits(scope)
    card = screens.limits(values, server=interaction.guild_id is not None)
    await errors.show(interaction, card)


@limits.command(name="set", description="Change one limit of this server")
@app_commands.rename(field="limit")
@app_commands.describe(field="Which limit", value="Its new value")
@app_commands.choices(
    field=[app_commands.Choice(name=info.title, value=info.field) for info in LIMITS]
)
async def change(interaction: discord.Interaction, field: str, value: int) -> None:
    """Set one limit, if the member manages the server."""
    desk = desk_of(interaction)
    if interaction.guild_id is None:
        raise Refused("Limits can be set in servers only.")
    if not permissions.is_admin(interaction, desk.operators):
        raise Refused("Only members who manage this server can change its limits.")
    await interaction.response.defer(ephemeral=True)
    scope = scope_of(interaction.guild_id, interaction.user.id)
    values = await desk.queue.set_limit(scope, field, value)
    await errors.show(interaction, screens.limits(values, server=True))
