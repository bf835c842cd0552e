"""``/inpaint`` and ``/outpaint``: a part of a picture drawn anew, or drawn on beyond its edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

import discord
from discord import app_commands

from bot import errors, uploads
from bot.desk import desk_of
from bot.offering import everywhere, usual
from bot.orders import Holes, Mask, Order, draft_of
from bot.replies import PROMPT_ROOM
from bot.suggestions import offer_models
from generation.images import Margins
from generation.prompt import Draft
from generation.types import SEED_MAX

_USUAL_PADDING: Final = 32
_STRENGTH_OF_MARGINS: Final = 0.9  # they start from smeared colours, of which little should stay
_BLUR_OF_MARGINS: Final = 8

Direction = Literal["all sides", "left", "right", "up", "down", "left and right", "up and down"]

_SIDES: Final[dict[Direction, tuple[str, ...]]] = {
    "all sides": ("left", "top", "right", "bottom"),
    "left": ("left",),
    "right": ("right",),
    "up": ("top",),
    "down": ("bottom",),
    "left and right": ("left", "right"),
    "up and down": ("top", "bottom"),
}


@app_commands.command(description="Draw a part of a picture anew")
@everywhere
@app_commands.describe(
    image="The picture; without a mask its transparent part is drawn",
    prompt="What the picture should show there. Flags work too",
    mask="A picture of the same shape: white is drawn anew, black is kept",
    strength="How much of it is redrawn, from 0 to 1",
    mask_blur="How soft the mask's edge is, in pixels",
    only_masked="Draw the part around the mask alone, in full detail",
    padding="Pixels around the mask that are drawn with it, for only_masked",
    **usual(
        "negative_prompt", "model", "steps", "guidance_scale", "seed", "count", "spoiler", "private"
    ),
)
async def inpaint(  # noqa: PLR0917 - discord.py makes the options of the parameters
    interaction: discord.Interaction,
    image: discord.Attachment,
    prompt: app_commands.Range[str, 1, PROMPT_ROOM],
    mask: discord.Attachment | None = None,
    strength: app_commands.Range[float, 0, 1] | None = None,
    mask_blur: app_commands.Range[int, 0, 64] | None = None,
    only_masked: bool = False,
    padding: app_commands.Range[int, 0, 256] | None = None,
    negative_prompt: app_commands.Range[str, 1, 2000] | None = None,
    model: str | None = None,
    steps: app_commands.Range[int, 1, 150] | None = None,
    guidance_scale: app_commands.Range[float, 0, 30] | None = None,
    seed: app_commands.Range[int, -1, SEED_MAX] | None = None,
    count: app_commands.Range[int, 1, 10] | None = None,
    spoiler: bool = False,
    private: bool = False,
) -> None:
    """Check what was typed, acknowledge, and admit it."""
    errors.remember_prompt(interaction, prompt)
    options = Draft(
        prompt=prompt,
        negative_prompt=negative_prompt,
        model=model,
        steps=steps,
        guidance_scale=guidance_scale,
        seed=seed,
        count=count,
        strength=strength,
        mask_blur=mask_blur,
        padding=padding,
    )
    draft = draft_of(options)
    if only_masked and draft.padding is None:
        draft = replace(draft, padding=_USUAL_PADDING)
    what: Mask = Holes() if mask is None else uploads.of_attachment(mask)
    order = Order(draft=draft, picture=uploads.of_attachment(image), mask=what)
    await desk_of(interaction).intake.take(interaction, order, private=private, spoiler=spoiler)


@app_commands.command(description="Draw a picture on beyond its edges")
@everywhere
@app_commands.describe(
    image="The picture",
    prompt="What the whole picture shows. Flags work too",
    direction="To which sides it grows",
    percent="How far it grows to each of them, in hundredths of its own size",
    strength="How much of the new part is drawn freely, from 0 to 1",
    **usual("negative_prompt", "model", "seed", "count", "spoiler", "private"),
)
async def outpaint(  # noqa: PLR0917 - discord.py makes the options of the parameters
    interaction: discord.Interaction,
    image: discord.Attachment,
    prompt: app_commands.Range[str, 1, PROMPT_ROOM],
    direction: Direction = "all sides",
    percent: app_commands.Range[int, 5, 100] = 25,
    strength: app_commands.Range[float, 0, 1] | None = None,
    negative_prompt: app_commands.Range[str, 1, 2000] | None = None,
    model: str | None = None,
    seed: app_commands.Range[int, -1, SEED_MAX] | None = None,
    count: app_commands.Range[int, 1, 10] | None = None,
    spoiler: bool = False,
    private: bool = False,
) -> None:
    """Check what was typed, acknowledge, and admit it."""
    errors.remember_prompt(interaction, prompt)
    options = Draft(
        prompt=prompt,
        negative_prompt=negative_prompt,
        model=model,
        seed=seed,
        count=count,
        strength=strength,
    )
    draft = draft_of(options)
    if draft.strength is None:
        draft = replace(draft, strength=_STRENGTH_OF_MARGINS)
    if draft.mask_blur is None:
        draft = replace(draft, mask_blur=_BLUR_OF_MARGINS)
    margins = Margins(**dict.fromkeys(_SIDES[direction], percent))
    order = Order(draft=draft, picture=uploads.of_attachment(image), mask=margins)
    await desk_of(interaction).intake.take(interaction, order, private=private, spoiler=spoiler)


inpaint.autocomplete("model")(offer_models)
outpaint.autocomplete("model")(offer_models)
