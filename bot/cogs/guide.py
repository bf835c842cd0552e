"""``/help``: how to use the bot, in one screen."""

from __future__ import annotations

import discord
from discord import app_commands

from bot import errors, replies
from bot.desk import desk_of


@app_commands.command(name="help", description="How to make pictures here")
@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
async def guide(interaction: discord.Interaction) -> None:
    """Show the guide to whoever asks."""
    models = [model.title for model in desk_of(interaction).catalog.models]
    user = interaction.client.user
    bot_id = interaction.application_id if user is None else user.id
    await errors.show(interaction, replies.guide(bot_id, models))
