"""``/describe``, and "Describe" on any message: what a picture shows, in words."""

from __future__ import annotations

import discord
from discord import app_commands

from bot import uploads
from bot.desk import desk_of
from bot.offering import everywhere
from bot.orders import Errand
from bot.suggestions import Choices, offer_tools
from generation.errors import BadImage
from generation.types import Task


@app_commands.command(description="Say what a picture shows, as a prompt to draw it with")
@everywhere
@app_commands.describe(
    image="The picture",
    method="Which model describes it",
    spoiler="Hide the text until it is clicked",
    private="Show the answer to you alone",
)
async def describe(
    interaction: discord.Interaction,
    image: discord.Attachment,
    method: str | None = None,
    spoiler: bool = False,
    private: bool = False,
) -> None:
    """Check what was typed, acknowledge, and admit it."""
    errand = Errand(task=Task.DESCRIBE, picture=uploads.of_attachment(image), tool=method)
    await desk_of(interaction).intake.take(interaction, errand, private=private, spoiler=spoiler)


@describe.autocomplete("method")
async def _methods(interaction: discord.Interaction, typed: str) -> Choices:
    return offer_tools(interaction, Task.DESCRIBE, typed)


@app_commands.context_menu(name="Describe")
@everywhere
async def describe_message(interaction: discord.Interaction, message: discord.Message) -> None:
    """Describe the message's first picture, for whoever asked alone."""
    picture = uploads.find(message)
    if picture is None:
        raise BadImage("There is no picture in that message.")
    errand = Errand(task=Task.DESCRIBE, picture=picture)
    await desk_of(interaction).intake.take(interaction, errand, private=True)
