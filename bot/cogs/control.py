"""``/control``: a picture held to the lines, the depth or the pose of another one."""

from __future__ import annotations

from typing import Final

import discord
from discord import app_commands

from bot import errors, uploads
from bot.desk import desk_of
from bot.offering import everywhere, usual
from bot.orders import Order, draft_of
from bot.replies import PROMPT_ROOM
from bot.suggestions import (
    Choices,
    choices,
    chosen_model,
    offer_models,
    suggest_controls,
    suggest_loras,
)
from generation.controls import MOST_CONTROL_WEIGHT
from generation.errors import InvalidParams
from generation.prompt import Draft, read_loras
from generation.types import SEED_MAX, Control

_USUAL_WEIGHT: Final = 1.0

Weight = app_commands.Range[float, 0.0, MOST_CONTROL_WEIGHT]


@app_commands.command(description="Draw a picture that keeps to the lines or depth of another")
@everywhere
@app_commands.describe(
    image="The picture to keep to",
    kind="What of it counts: its edges, its depth, its pose, …",
    prompt="What to draw. Flags such as --ar 3:2 work too",
    weight="How strictly it counts, from 0 to 2",
    start="From which part of the steps it counts, 0 is from the first",
    end="Up to which part of the steps it counts, 1 is to the last",
    prepared="The picture shows lines, depth or a pose already, and nothing is looked for in it",
    image2="A second picture to keep to",
    kind2="What of the second one counts",
    weight2="How strictly the second one counts",
    start_image="A picture to start from; it is redrawn",
    mask="A picture of the same shape as start_image: only what is white here is drawn anew",
    strength="How much of start_image is redrawn, from 0 to 1",
    aspect_ratio="The shape, such as 3:2, where it should not be that of the image",
    **usual(
        "negative_prompt",
        "model",
        "steps",
        "guidance_scale",
        "lora",
        "seed",
        "count",
        "spoiler",
        "private",
    ),
)
async def control(  # noqa: PLR0917 - discord.py makes the options of the parameters
    interaction: discord.Interaction,
    image: discord.Attachment,
    kind: str,
    prompt: app_commands.Range[str, 1, PROMPT_ROOM],
    weight: Weight = _USUAL_WEIGHT,
    start: app_commands.Range[float, 0, 1] = 0.0,
    end: app_commands.Range[float, 0, 1] = 1.0,
    prepared: bool = False,
    image2: discord.Attachment | None = None,
    kind2: str | None = None,
    weight2: Weight = _USUAL_WEIGHT,
    start_image: discord.Attachment | None = None,
    mask: discord.Attachment | None = None,
    strength: app_commands.Range[float, 0, 1] | None = None,
    negative_prompt: app_commands.Range[str, 1, 2000] | None = None,
    model: str | None = None,
    aspect_ratio: str | None = None,
    steps: app_commands.Range[int, 1, 150] | None = None,
    guidance_scale: app_commands.Range[float, 0, 30] | None = None,
    lora: str | None = None,
    seed: app_commands.Range[int, -1, SEED_MAX] | None = None,
    count: app_commands.Range[int, 1, 10] | None = None,
    spoiler: bool = False,
    private: bool = False,
) -> None:
    """Check what was typed, acknowledge, and admit it."""
    errors.remember_prompt(interaction, prompt)
    if (image2 is None) is not (kind2 is None):
        raise InvalidParams("image2", "A second picture needs both image2 and kind2.")
    if mask is not None and start_image is None:
        raise InvalidParams("mask", "A mask belongs to a picture to start from: add start_image.")
    held = [(image, Control(kind=kind, weight=weight, start=start, end=end, prepare=not prepared))]
    if image2 is not None and kind2 is not None:
        second = Control(kind=kind2, weight=weight2, start=start, end=end, prepare=not prepared)
        held.append((image2, second))
    options = Draft(
        prompt=prompt,
        negative_prompt=negative_prompt,
        model=model,
        aspect_ratio=aspect_ratio,
        steps=steps,
        guidance_scale=guidance_scale,
        seed=seed,
        count=count,
        strength=strength,
        loras=read_loras(lora or ""),
        controls=tuple(each for _, each in held),
    )
    order = Order(
        draft=draft_of(options),
        picture=None if start_image is None else uploads.of_attachment(start_image),
        mask=None if mask is None else uploads.of_attachment(mask),
        controls=tuple(uploads.of_attachment(picture) for picture, _ in held),
    )
    await desk_of(interaction).intake.take(interaction, order, private=private, spoiler=spoiler)


control.autocomplete("model")(offer_models)


@control.autocomplete("kind")
@control.autocomplete("kind2")
async def _kinds(interaction: discord.Interaction, typed: str) -> Choices:
    return choices(suggest_controls(chosen_model(interaction), typed))


@control.autocomplete("lora")
async def _loras(interaction: discord.Interaction, typed: str) -> Choices:
    return choices(suggest_loras(chosen_model(interaction), typed))
