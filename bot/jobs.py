"""Jobs as members may see them: found by a button's id or by the message that shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import discord

from bot import custom_ids
from bot.address import Address
from bot.desk import desk_of
from generation.errors import UnknownJob
from generation.types import Job, JobId


async def visible_job(interaction: discord.Interaction, job_id: JobId) -> Job:
    """The job, if the member may know it: others' private ones do not exist for them.

    Raises ``UnknownJob``.
    """
    job = await desk_of(interaction).queue.job(job_id)
    owned = job.request.owner == str(interaction.user.id)
    if not owned and address_of(job).private:
        raise UnknownJob
    return job


def address_of(job: Job) -> Address:
    """Where the job is shown. Raises ``UnknownJob`` when that cannot be read."""
    try:
        return Address.load(job.request.delivery)
    except ValueError as error:
        raise UnknownJob(detail="unreadable address") from error


def shown_in(message: discord.Message, bot_id: int) -> JobId | None:
    """The job that one of our own messages shows, by its buttons; None for any other message."""
    if message.author.id != bot_id:
        return None
    matches = (_match(button) for button in _buttons(message.components))
    return next((JobId(match["job"]) for match in matches if match is not None), None)


def _buttons(components: Iterable[object]) -> Iterator[discord.Button]:
    for row in components:
        if isinstance(row, discord.ActionRow):
            yield from (child for child in row.children if isinstance(child, discord.Button))


def _match(button: discord.Button) -> re.Match[str] | None:
    return custom_ids.CURRENT.fullmatch(button.custom_id or "")
