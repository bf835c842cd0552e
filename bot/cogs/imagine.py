"""``/imagine``: a picture from a prompt, or from a prompt and a picture."""

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
    suggest_loras,
    suggest_options,
    suggest_samplers,
    suggest_schedulers,
)
from generation.prompt import Draft, read_loras, read_settings
from generation.types import SEED_MAX

RATIOS: Final = ("1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16", "21:9", "9:21")
"""Offered while typing; any other ratio can be typed as well."""


@app_commands.command(description="Draw a picture from a description")
@everywhere
@app_commands.describe(
    prompt="What to draw. Flags such as --ar 3:2 or --no text work too",
    aspect_ratio="The shape, such as 3:2",
    width="In pixels; instead of an aspect ratio",
    height="In pixels; instead of an aspect ratio",
    sampler="How the model steps from noise to picture",
    scheduler="How the steps are spaced",
    image="A picture to start from",
    strength="How much of that picture is redrawn, from 0 to 1",
    options="What else this model can be told, as name=value; several with commas",
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
async def imagine(  # noqa: PLR0917 - discord.py makes the options of the parameters
    interaction: discord.Interaction,
    prompt: app_commands.Range[str, 1, PROMPT_ROOM],
    negative_prompt: app_commands.Range[str, 1, 2000] | None = None,
    model: str | None = None,
    aspect_ratio: str | None = None,
    width: app_commands.Range[int, 64, 4096] | None = None,
    height: app_commands.Range[int, 64, 4096] | None = None,
    steps: app_commands.Range[int, 1, 150] | None = None,
    guidance_scale: app_commands.Range[float, 0, 30] | None = None,
    sampler: str | None = None,
    scheduler: str | None = None,
    lora: str | None = None,
    seed: app_commands.Range[int, -1, SEED_MAX] | None = None,
    count: app_commands.Range[int, 1, 10] | None = None,
    image: discord.Attachment | None = None,
    strength: app_commands.Range[float, 0, 1] | None = None,
    options: app_commands.Range[str, 1, 1500] | None = None,
    spoiler: bool = False,
    private: bool = False,
) -> None:
    """Check what was typed, acknowledge, and admit it."""
    errors.remember_prompt(interaction, prompt)
    typed = Draft(
        prompt=prompt,
        negative_prompt=negative_prompt,
        model=model,
        width=width,
        height=height,
        aspect_ratio=aspect_ratio,
        steps=steps,
        guidance_scale=guidance_scale,
        sampler=sampler,
        scheduler=scheduler,
        seed=seed,
        count=count,
        strength=strength,
        loras=read_loras(lora or ""),
        options=read_settings(options or ""),
    )
    picture = None if image is None else uploads.of_attachment(image)
    order = Order(draft=draft_of(typed), picture=picture)
    await desk_of(interaction).intake.take(interaction, order, private=private, spoiler=spoiler)


imagine.autocomplete("model")(offer_models)


@imagine.autocomplete("aspect_ratio")
async def _ratios(_interaction: discord.Interaction, typed: str) -> Choices:
    return choices((ratio, ratio) for ratio in RATIOS if typed.strip() in ratio)


@imagine.autocomplete("sampler")
async def _samplers(interaction: discord.Interaction, typed: str) -> Choices:
    return choices(suggest_samplers(chosen_model(interaction), typed))


@imagine.autocomplete("scheduler")
async def _schedulers(interaction: discord.Interaction, typed: str) -> Choices:
    return choices(suggest_schedulers(chosen_model(interaction), typed))


@imagine.autocomplete("lora")
async def _loras(interaction: discord.Interaction, typed: str) -> Choices:
    return choices(suggest_loras(chosen_model(interaction), typed))


@imagine.autocomplete("options")
async def _options(interaction: discord.Interaction, typed: str) -> Choices:
    return choices(suggest_options(chosen_model(interaction), typed))
