"""Apps → "Use these settings" on any message: its picture's settings, in a form to go on from."""

from __future__ import annotations

import discord
from discord import app_commands

from bot import uploads
from bot.desk import desk_of
from bot.forms import EditForm, Origin, form_for
from bot.jobs import address_of, shown_in, visible_job
from bot.offering import everywhere
from generation.errors import UnknownJob


@app_commands.context_menu(name="Use these settings")
@everywhere
async def use_settings(interaction: discord.Interaction, message: discord.Message) -> None:
    """Show the form, filled in from our own record or, failing that, from the picture's file.

    A form cannot follow an acknowledgement, so both are read before the first answer.
    """
    form = await _from_job(interaction, message) or await _from_file(interaction, message)
    await interaction.response.send_modal(form)


async def _from_job(interaction: discord.Interaction, message: discord.Message) -> EditForm | None:
    """The form for the job that the message shows, if it is ours and still stored."""
    user = interaction.client.user
    job_id = None if user is None else shown_in(message, user.id)
    if job_id is None:
        return None
    try:
        job = await visible_job(interaction, job_id)
        return form_for(job, private=message.flags.ephemeral, spoiler=address_of(job).spoiler)
    except UnknownJob:
        return None


async def _from_file(interaction: discord.Interaction, message: discord.Message) -> EditForm:
    intake = desk_of(interaction).intake
    groups = intake.groups_of(interaction.user, interaction.guild_id)
    taken = await intake.settings_in(uploads.find_all(message), groups)
    origin = Origin(private=message.flags.ephemeral)
    return EditForm(taken.draft, title="Use these settings", origin=origin, notes=taken.notes)
