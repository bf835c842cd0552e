"""``/limits``: what this server allows, and for those who manage it, changing that."""

from __future__ import annotations

import discord
from discord import app_commands

from bot import errors, permissions, screens
from bot.desk import Desk, desk_of
from bot.intake import scope_of
from generation.errors import Refused
from generation.limits import LIMITS
from generation.shares import HIGHEST, LOWEST

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
    queue = desk_of(interaction).queue
    values, shares = await queue.limits(scope), await queue.shares(scope)
    card = screens.limits(values, server=interaction.guild_id is not None, shares=shares)
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
    _require_manager(interaction, desk)
    await interaction.response.defer(ephemeral=True)
    scope = scope_of(interaction.guild_id, interaction.user.id)
    values = await desk.queue.set_limit(scope, field, value)
    shares = await desk.queue.shares(scope)
    await errors.show(interaction, screens.limits(values, server=True, shares=shares))


@limits.command(name="share", description="Give a role more or less of the queue")
@app_commands.describe(
    role="Whose share; of several roles the largest counts",
    share="2 is twice as much as others get when many wait, 0.5 half; 1 is the usual",
)
async def share_out(
    interaction: discord.Interaction,
    role: discord.Role,
    share: app_commands.Range[float, LOWEST, HIGHEST],
) -> None:
    """Set a role's share, if the member manages the server."""
    desk = desk_of(interaction)
    _require_manager(interaction, desk)
    await interaction.response.defer(ephemeral=True)
    scope = scope_of(interaction.guild_id, interaction.user.id)
    shares = await desk.queue.set_share(scope, permissions.role_group(role.id), share)
    values = await desk.queue.limits(scope)
    await errors.show(interaction, screens.limits(values, server=True, shares=shares))


def _require_manager(interaction: discord.Interaction, desk: Desk) -> None:
    if interaction.guild_id is None:
        raise Refused("Limits can be set in servers only.")
    if not permissions.is_admin(interaction, desk.operators):
        raise Refused("Only members who manage this server can change its limits.")
