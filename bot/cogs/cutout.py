"""``/cutout``: what a picture shows, without its background."""

from __future__ import annotations

import discord
from discord import app_commands

from bot import uploads
from bot.desk import desk_of
from bot.offering import everywhere
from bot.orders import Errand
from bot.suggestions import Choices, offer_tools
from generation.types import Task


@app_commands.command(description="Remove a picture's background")
@everywhere
@app_commands.describe(
    image="The picture",
    method="Which model cuts it out",
    spoiler="Hide the picture until it is clicked",
    private="Show the answer to you alone",
)
async def cutout(
    interaction: discord.Interaction,
    image: discord.Attachment,
    method: str | None = None,
    spoiler: bool = False,
    private: bool = False,
) -> None:
    """Check what was typed, acknowledge, and admit it."""
    errand = Errand(task=Task.CUTOUT, picture=uploads.of_attachment(image), tool=method)
    await desk_of(interaction).intake.take(interaction, errand, private=private, spoiler=spoiler)


@cutout.autocomplete("method")
async def _methods(interaction: discord.Interaction, typed: str) -> Choices:
    return offer_tools(interaction, Task.CUTOUT, typed)
