"""``/upscale``: any picture made larger, by an upscaler, drawn over, or merely enlarged."""

from __future__ import annotations

from typing import Final

import discord
from discord import app_commands

from bot import errors, replies, uploads
from bot.desk import desk_of
from bot.offering import everywhere, usual
from bot.orders import Errand, Order, draft_of
from bot.replies import PROMPT_ROOM
from bot.suggestions import Choices, choices, offer_models, suggest_tools
from generation.catalog import Catalog
from generation.choices import unknown
from generation.enlarging import FACTOR
from generation.errors import InvalidParams
from generation.prompt import Draft
from generation.types import SEED_MAX, Task

REDRAW: Final = "drawn over"
PLAIN: Final = "without a model"

_WAYS = {
    REDRAW: "Drawn over by a model, which adds details",
    PLAIN: "Without a model, at once",
}
_DRAWS_NOTHING = (
    "An upscaler follows no prompt, strength, model or seed. Leave them out, or choose the method "
    f"“{REDRAW}”."
)


@app_commands.command(description="Make a picture larger")
@everywhere
@app_commands.describe(
    image="The picture",
    factor="How many times as wide and high, as far as the server's limit goes",
    prompt="What it shows; not needed for a file that carries its settings",
    method="An upscaler, or drawn over with new details, or without a model",
    strength="How much the model redraws, from 0 to 1",
    spoiler="Hide the picture until it is clicked",
    **usual("model", "seed", "private"),
)
async def upscale(  # noqa: PLR0917 - discord.py makes the options of the parameters
    interaction: discord.Interaction,
    image: discord.Attachment,
    factor: app_commands.Range[float, 1.25, 4.0] = FACTOR,
    prompt: app_commands.Range[str, 1, PROMPT_ROOM] | None = None,
    method: str | None = None,
    strength: app_commands.Range[float, 0, 1] | None = None,
    model: str | None = None,
    seed: app_commands.Range[int, -1, SEED_MAX] | None = None,
    spoiler: bool = False,
    private: bool = False,
) -> None:
    """Check what was typed, acknowledge, and admit or enlarge it."""
    errors.remember_prompt(interaction, prompt or "")
    desk, picture = desk_of(interaction), uploads.of_attachment(image)
    is_redrawn = bool(prompt or model or strength is not None or seed is not None)
    tool = _tool(desk.catalog, method, is_redrawn=is_redrawn)
    intake = desk.intake
    if tool is not None:
        if is_redrawn:
            raise InvalidParams("method", _DRAWS_NOTHING)
        errand = Errand(task=Task.UPSCALE, picture=picture, tool=tool, factor=factor)
        await intake.take(interaction, errand, private=private, spoiler=spoiler)
        return
    if method is not None and method.casefold() == PLAIN:
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


@upscale.autocomplete("method")
async def _methods(interaction: discord.Interaction, typed: str) -> Choices:
    ways = [(title, way) for way, title in _WAYS.items() if typed.casefold() in title.casefold()]
    return choices([*suggest_tools(desk_of(interaction).catalog, Task.UPSCALE, typed), *ways])


def _tool(catalog: Catalog, method: str | None, *, is_redrawn: bool) -> str | None:
    """The name of the upscaler that is meant, if any is. Who says nothing has the first one.

    Raises ``InvalidParams``.
    """
    if method is None:
        offered = () if is_redrawn else catalog.tools(Task.UPSCALE)
        return offered[0].name if offered else None
    if method.casefold() in _WAYS:
        return None
    offered = catalog.tools(Task.UPSCALE)
    wanted = method.strip().casefold()
    for tool in offered:
        if wanted in {tool.name.casefold(), tool.title.casefold()}:
            return tool.name
    raise unknown("method", method, [*(tool.name for tool in offered), *_WAYS])
