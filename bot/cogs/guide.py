"""``/help``: how to use the bot, in one screen."""

from __future__ import annotations

import discord
from discord import app_commands

from bot import errors, screens
from bot.desk import catalog_for
from bot.offering import everywhere


@app_commands.command(name="help", description="How to make pictures here")
@everywhere
async def guide(interaction: discord.Interaction) -> None:
    """Show the guide to whoever asks."""
    models = catalog_for(interaction).models
    words = sorted({word for model in models for word in model.embeddings})
    titles = [model.title for model in models]
    user = interaction.client.user
    bot_id = interaction.application_id if user is None else user.id
    await errors.show(interaction, screens.guide(bot_id, titles, words))
