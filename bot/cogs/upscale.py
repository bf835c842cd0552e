"""``/upscale``: any picture made larger, drawn over by a model or merely enlarged."""

from __future__ import annotations

from typing import Final, Literal

import discord
from discord import app_commands

from bot import errors, replies, uploads
from bot.desk import desk_of
from bot.orders import Order, draft_of
from bot.replies import PROMPT_ROOM
from bot.suggestions import offer_models
from generation.enlarging import FACTOR
from generation.prompt import Draft
from generation.types import SEED_MAX

Method = Literal["with a model", "without a model"]

_WITH: Final[Method] = "with a model"


@app_commands.command(description="Make a picture larger")
@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
@app_commands.describe(
    image="The picture",
    factor="How many times as wide and high, as far as the server's limit goes",
    prompt="What it shows; not needed for a file that carries its settings",
    method="A model draws details into it; without one it is only enlarged",
    strength="How much the model redraws, from 0 to 1",
    model="Which model draws",
    seed="The same seed and settings give the same picture",
    spoiler="Hide the picture until it is clicked",
    private="Show the answer to you alone",
)
async def upscale(  # noqa: PLR0917 - discord.py makes the options of the parameters
    interaction: discord.Interaction,
    image: discord.Attachment,
    factor: app_commands.Range[float, 1.25, 4.0] = FACTOR,
    prompt: app_commands.Range[str, 1, PROMPT_ROOM] | None = None,
    method: Method = _WITH,
    strength: app_commands.Range[float, 0, 1] | None = None,
    model: str | None = None,
    seed: app_commands.Range[int, -1, SEED_MAX] | None = None,
    spoiler: bool = False,
    private: bool = False,
) -> None:
    """Check what was typed, acknowledge, and admit or enlarge it."""
    errors.remember_prompt(interaction, prompt or "")
    intake, picture = desk_of(interaction).intake, uploads.of_attachment(image)
    if method != _WITH:
        receipt = await intake.acknowledge(interaction, private=private, spoiler=spoiler)
        encoded, note = await intake.enlarge(picture, factor, receipt)
        card = replies.enlarged(encoded, note, spoiler=spoiler)
        await interaction.edit_original_response(view=card.view(), attachments=card.files())
        return
    draft = draft_of(Draft(prompt=prompt or "", model=model, seed=seed, strength=strength))
    if prompt is not None:
        groups = intake.groups_of(interaction.user, interaction.guild_id)
        intake.check(Order(draft=draft, picture=picture), groups)
    receipt = await intake.acknowledge(interaction, private=private, spoiler=spoiler)
    draft = await intake.draft_to_enlarge(draft, picture, receipt.groups)
    await intake.admit(Order(draft=draft, picture=picture, factor=factor), receipt)


upscale.autocomplete("model")(offer_models)
