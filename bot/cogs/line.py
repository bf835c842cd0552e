"""``/queue`` and ``/jobs``: how things stand, for everyone and for oneself."""

from __future__ import annotations

from typing import Final

import discord
from discord import app_commands

from bot import errors, screens
from bot.desk import catalog_for, desk_of
from bot.offering import everywhere
from generation.types import OwnerId

_LISTED: Final = 5
"""Of each kind: every one has a button, and a message has no room for many."""


@app_commands.command(name="queue", description="How many wait, and how long it takes now")
@everywhere
async def line(interaction: discord.Interaction) -> None:
    """Show the queue to whoever asks."""
    await interaction.response.defer(ephemeral=True)
    outlook = await desk_of(interaction).queue.outlook()
    titles = [model.title for model in catalog_for(interaction).models]
    await errors.show(interaction, screens.queue(outlook, titles))


@app_commands.command(description="Your pictures that are on their way, or could not be shown")
@everywhere
async def jobs(interaction: discord.Interaction) -> None:
    """List the asker's own jobs, each with a button to cancel it, or to show it at last."""
    await interaction.response.defer(ephemeral=True)
    queue, owner = desk_of(interaction).queue, OwnerId(str(interaction.user.id))
    unfinished = await queue.unfinished_of(owner, count=_LISTED)
    places = [await queue.place(job.id) for job in unfinished]
    parked = await queue.parked(owner, count=_LISTED)
    card = screens.jobs(list(zip(unfinished, places, strict=True)), parked)
    await errors.show(interaction, card)
