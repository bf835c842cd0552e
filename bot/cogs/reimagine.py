"""Apps → "Reimagine…" on any message: start from a picture that is already there."""

from __future__ import annotations

import discord
from discord import app_commands

from bot import uploads
from bot.desk import catalog_for
from bot.forms import ReimagineForm
from bot.offering import everywhere
from generation.errors import BadImage


@app_commands.context_menu(name="Reimagine…")
@everywhere
async def reimagine(interaction: discord.Interaction, message: discord.Message) -> None:
    """Ask what to make of the message's first picture."""
    picture = uploads.find(message)
    if picture is None:
        raise BadImage("There is no picture in that message.")
    strength = catalog_for(interaction).default.strength
    await interaction.response.send_modal(ReimagineForm(picture, strength=strength))
