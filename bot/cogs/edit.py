"""``/edit`` and ``/blend``: pictures that a model looks at, to change one or to mix them."""

from __future__ import annotations

from dataclasses import replace

import discord
from discord import app_commands

from bot import errors, uploads
from bot.desk import desk_of
from bot.forms import InstructionForm
from bot.offering import everywhere, usual
from bot.orders import Order, draft_of
from bot.replies import PROMPT_ROOM
from bot.suggestions import offer_models
from bot.uploads import Pointer
from generation.errors import BadImage
from generation.prompt import Draft
from generation.references import BLEND_PROMPT
from generation.types import SEED_MAX


@app_commands.command(description="Change a picture by saying what to change")
@everywhere
@app_commands.describe(
    image="The picture to change",
    instruction="What to change, such as: make it night. Flags work too",
    image2="A picture that the instruction speaks of",
    image3="One more",
    image4="One more",
    model="Which model edits",
    aspect_ratio="Another shape than the picture's, such as 3:2",
    guidance_scale="How closely to follow the instruction",
    **usual("negative_prompt", "steps", "seed", "count", "spoiler", "private"),
)
async def edit(  # noqa: PLR0917 - discord.py makes the options of the parameters
    interaction: discord.Interaction,
    image: discord.Attachment,
    instruction: app_commands.Range[str, 1, PROMPT_ROOM],
    image2: discord.Attachment | None = None,
    image3: discord.Attachment | None = None,
    image4: discord.Attachment | None = None,
    negative_prompt: app_commands.Range[str, 1, 2000] | None = None,
    model: str | None = None,
    aspect_ratio: str | None = None,
    steps: app_commands.Range[int, 1, 150] | None = None,
    guidance_scale: app_commands.Range[float, 0, 30] | None = None,
    seed: app_commands.Range[int, -1, SEED_MAX] | None = None,
    count: app_commands.Range[int, 1, 10] | None = None,
    spoiler: bool = False,
    private: bool = False,
) -> None:
    """Check what was typed, acknowledge, and admit it."""
    errors.remember_prompt(interaction, instruction)
    options = Draft(
        prompt=instruction,
        negative_prompt=negative_prompt,
        model=model,
        aspect_ratio=aspect_ratio,
        steps=steps,
        guidance_scale=guidance_scale,
        seed=seed,
        count=count,
    )
    pictures = _pictures(image, image2, image3, image4)
    order = Order(draft=draft_of(options), references=pictures, instructs=True)
    await desk_of(interaction).intake.take(interaction, order, private=private, spoiler=spoiler)


@app_commands.command(description="Draw one picture out of several")
@everywhere
@app_commands.describe(
    image="The first picture, which also gives the shape",
    image2="The second picture",
    image3="One more",
    image4="One more",
    prompt="What the new picture shows. Flags work too",
    weight="How much the pictures count beside the prompt, from 0 to 2",
    aspect_ratio="Another shape than the first picture's, such as 3:2",
    **usual(
        "negative_prompt", "model", "steps", "guidance_scale", "seed", "count", "spoiler", "private"
    ),
)
async def blend(  # noqa: PLR0917 - discord.py makes the options of the parameters
    interaction: discord.Interaction,
    image: discord.Attachment,
    image2: discord.Attachment,
    image3: discord.Attachment | None = None,
    image4: discord.Attachment | None = None,
    prompt: app_commands.Range[str, 1, PROMPT_ROOM] | None = None,
    weight: app_commands.Range[float, 0, 2] | None = None,
    negative_prompt: app_commands.Range[str, 1, 2000] | None = None,
    model: str | None = None,
    aspect_ratio: str | None = None,
    steps: app_commands.Range[int, 1, 150] | None = None,
    guidance_scale: app_commands.Range[float, 0, 30] | None = None,
    seed: app_commands.Range[int, -1, SEED_MAX] | None = None,
    count: app_commands.Range[int, 1, 10] | None = None,
    spoiler: bool = False,
    private: bool = False,
) -> None:
    """Check what was typed, acknowledge, and admit it."""
    errors.remember_prompt(interaction, prompt or "")
    options = Draft(
        prompt=prompt or "",
        negative_prompt=negative_prompt,
        model=model,
        aspect_ratio=aspect_ratio,
        steps=steps,
        guidance_scale=guidance_scale,
        seed=seed,
        count=count,
        reference_weight=weight,
    )
    draft = draft_of(options)
    draft = replace(draft, prompt=draft.prompt or BLEND_PROMPT)
    order = Order(draft=draft, references=_pictures(image, image2, image3, image4))
    await desk_of(interaction).intake.take(interaction, order, private=private, spoiler=spoiler)


@app_commands.context_menu(name="Edit…")
@everywhere
async def edit_message(interaction: discord.Interaction, message: discord.Message) -> None:
    """Ask what to change in the message's first picture."""
    picture = uploads.find(message)
    if picture is None:
        raise BadImage("There is no picture in that message.")
    await interaction.response.send_modal(InstructionForm(picture))


def _pictures(*attachments: discord.Attachment | None) -> tuple[Pointer, ...]:
    return tuple(uploads.of_attachment(each) for each in attachments if each is not None)


edit.autocomplete("model")(offer_models)
blend.autocomplete("model")(offer_models)
