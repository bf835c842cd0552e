"""The buttons under results and waiting jobs. They work for ever: all they need is in their id."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import discord

from bot import custom_ids, errors, permissions
from bot.custom_ids import Action
from bot.desk import Desk, desk_of
from bot.forms import form_for
from bot.jobs import address_of, visible_job
from bot.orders import (
    Errand,
    Order,
    again,
    anew,
    draft_from,
    errand_from,
    from_whole,
    inputs_of,
    to_enlarge,
)
from generation.enlarging import FACTOR
from generation.errors import Refused, UnknownJob
from generation.prompt import Draft
from generation.types import Job, JobId, JobState, StoredOutput, Task
from generation.variations import SUBTLE

_Button = discord.ui.Button[discord.ui.LayoutView]


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """A press: by whom, on which job, and with ``index`` on which of its pictures."""

    interaction: discord.Interaction
    desk: Desk
    job_id: JobId
    index: int | None

    @property
    def private(self) -> bool:
        """True if only the presser sees the message with the button."""
        message = self.interaction.message
        return message is not None and message.flags.ephemeral

    async def job(self) -> Job:
        """The job, if the presser may know it. Raises ``UnknownJob``."""
        return await visible_job(self.interaction, self.job_id)


class ActionButton(discord.ui.DynamicItem[_Button], template=custom_ids.CURRENT):
    """Any button of ours, rebuilt from its id at every press."""

    def __init__(self, item: _Button, *, action: Action, job_id: JobId, index: int | None) -> None:
        super().__init__(item)
        self._action = action
        self._job_id = job_id
        self._index = index

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction,  # noqa: ARG003 - discord.py passes it
        item: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        """Rebuild the button that was pressed."""
        if not isinstance(item, discord.ui.Button):
            raise TypeError("our ids belong to buttons")
        index = match["index"]
        return cls(
            item,
            action=Action(match["action"]),
            job_id=JobId(match["job"]),
            index=None if index is None else int(index),
        )

    async def callback(self, interaction: discord.Interaction) -> None:
        """Do what the button says, or tell why not. The second of a double click does nothing."""
        async with errors.told(functools.partial(errors.answer, interaction)):
            desk = desk_of(interaction)
            if desk.presses.is_double(interaction, self.custom_id):
                await interaction.response.defer()
                return
            press = Press(
                interaction=interaction,
                desk=desk,
                job_id=self._job_id,
                index=self._index,
            )
            await _ACTIONS[self._action](press)


class RetiredButton(discord.ui.DynamicItem[_Button], template=custom_ids.RETIRED):
    """A button that an earlier version made and this one cannot act upon."""

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction,  # noqa: ARG003 - discord.py passes it
        item: discord.ui.Item[Any],
        match: re.Match[str],  # noqa: ARG003 - discord.py passes it
        /,
    ) -> Self:
        """Rebuild the button that was pressed."""
        if not isinstance(item, discord.ui.Button):
            raise TypeError("our ids belong to buttons")
        return cls(item)

    async def callback(self, interaction: discord.Interaction) -> None:
        """Say what to do instead."""
        await errors.answer(
            interaction,
            Refused("This button is from an older version of the bot. Please use /imagine."),
        )


BUTTONS: tuple[type[discord.ui.DynamicItem[Any]], ...] = (ActionButton, RetiredButton)
"""Everything that has to be registered for buttons to be answered."""


async def _again(press: Press) -> None:
    receipt = await press.desk.intake.acknowledge(press.interaction, private=press.private)
    job = await press.job()
    if job.request.params.task.is_for_tools:
        await press.desk.intake.admit(errand_from(job), receipt.like(address_of(job)))
        return
    order = again(job, anew(draft_from(job.request.params)))
    await press.desk.intake.admit(order, receipt.like(address_of(job)))


async def _vary(press: Press) -> None:
    await _varied(press)


async def _subtle(press: Press) -> None:
    await _varied(press, share=SUBTLE)


async def _varied(press: Press, *, share: float = 1.0) -> None:
    """Draw a result anew from itself, by that share of what its model usually redraws."""
    receipt = await press.desk.intake.acknowledge(press.interaction, private=press.private)
    job = await press.job()
    output = _output(press, job)
    draft = anew(from_whole(draft_from(job.request.params)))
    draft = press.desk.catalog.fitted(draft, Task.IMG2IMG)
    strength = share * press.desk.catalog.find(job.request.params.model).strength
    draft = replace(draft, strength=round(strength, 2))
    inputs = inputs_of(job)
    seen = inputs.references if _looks_on(press, job) else ()
    if seen:
        draft = replace(draft, reference_weight=job.request.params.reference_weight)
    order = Order(
        draft=draft,
        picture=output.blob,
        references=seen,
        controls=inputs.controls,
        parent=job.id,
    )
    await press.desk.intake.admit(order, receipt.like(address_of(job)))


def _looks_on(press: Press, job: Job) -> bool:
    """Whether the job's model can look at its pictures while it starts from another one."""
    return press.desk.catalog.looks(job.request.params.model, Task.IMG2IMG)


async def _upscale(press: Press) -> None:
    receipt = await press.desk.intake.acknowledge(press.interaction, private=press.private)
    job = await press.job()
    output = _output(press, job)
    if press.desk.catalog.tools(Task.UPSCALE):
        errand = Errand(task=Task.UPSCALE, picture=output.blob, parent=job.id)
        await press.desk.intake.admit(errand, receipt.like(address_of(job)))
        return
    draft = to_enlarge(draft_from(job.request.params), output.seed)
    draft = press.desk.catalog.fitted(draft, Task.IMG2IMG)
    order = Order(
        draft=draft,
        picture=output.blob,
        controls=inputs_of(job).controls,
        factor=FACTOR,
        parent=job.id,
    )
    await press.desk.intake.admit(order, receipt.like(address_of(job)))


async def _imagine(press: Press) -> None:
    receipt = await press.desk.intake.acknowledge(press.interaction, private=press.private)
    job = await press.job()
    if not job.outputs:
        raise UnknownJob(detail="nothing was described")
    text = (await press.desk.queue.picture(job.outputs[0].blob)).decode()
    order = Order(draft=Draft(prompt=text), parent=job.id)
    await press.desk.intake.admit(order, receipt.like(address_of(job)))


async def _edit(press: Press) -> None:
    # A form cannot follow an acknowledgement, so this reads one row before the first answer.
    job = await press.job()
    form = form_for(job, private=press.private, spoiler=address_of(job).spoiler)
    await press.interaction.response.send_modal(form)


async def _cancel(press: Press) -> None:
    await press.interaction.response.defer()
    job = await press.job()
    _require_owner(press, job, "cancel this")
    await press.desk.queue.cancel(job.id)


async def _show(press: Press) -> None:
    receipt = await press.desk.intake.acknowledge(press.interaction, private=True)
    job = await press.job()
    if job.request.owner != str(press.interaction.user.id):
        raise UnknownJob
    await press.desk.messenger.show(job, receipt.address)
    await press.desk.queue.shown(job.id)


async def _delete(press: Press) -> None:
    await press.interaction.response.defer()
    job = await press.job()
    _require_owner(press, job, "delete this")
    await press.interaction.delete_original_response()
    if job.state is JobState.DONE:
        await press.desk.queue.discard(job.id)


def _output(press: Press, job: Job) -> StoredOutput:
    """The picture that the button belongs to. Raises ``UnknownJob``."""
    if press.index is None or press.index >= len(job.outputs):
        raise UnknownJob(detail=f"index={press.index}")
    return job.outputs[press.index]


def _require_owner(press: Press, job: Job, deed: str) -> None:
    if job.request.owner == str(press.interaction.user.id):
        return
    if not permissions.is_moderator(press.interaction, press.desk.operators):
        raise Refused(f"Only the person who asked for this picture, or a moderator, can {deed}.")


_ACTIONS: dict[Action, Callable[[Press], Awaitable[None]]] = {
    Action.AGAIN: _again,
    Action.VARY: _vary,
    Action.SUBTLE: _subtle,
    Action.UPSCALE: _upscale,
    Action.IMAGINE: _imagine,
    Action.EDIT: _edit,
    Action.CANCEL: _cancel,
    Action.DELETE: _delete,
    Action.SHOW: _show,
}
