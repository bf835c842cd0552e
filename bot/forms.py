"""The forms: editing a job's settings, and starting from a picture in a message."""

from __future__ import annotations

from dataclasses import replace

import discord

from bot import errors
from bot.desk import desk_of
from bot.intake import Order, draft_from
from bot.replies import PROMPT_ROOM
from bot.uploads import Pointer
from generation.errors import InvalidParams
from generation.prompt import Draft, merge, parse_flags
from generation.types import BlobId, Job, Task

FORM_SECONDS = 3600.0
"""How long a form may stay open. Its submission is judged as if typed anew."""

_SETTINGS_LENGTH = 400
_Input = discord.ui.TextInput[discord.ui.View]


class Form(discord.ui.Modal):
    """A form whose errors are told like everyone else's."""

    def __init__(self, *, title: str) -> None:
        super().__init__(title=title, timeout=FORM_SECONDS)

    def ask(self, text: str, field: _Input, description: str | None = None) -> _Input:
        """Add a labelled field."""
        self.add_item(discord.ui.Label(text=text, description=description, component=field))
        return field

    async def on_error(  # type: ignore[override]  # discord.py's modals have no item here
        self, interaction: discord.Interaction, error: Exception, /
    ) -> None:
        """Every failure of a submission ends here."""
        await errors.answer(interaction, error)


class EditForm(Form):
    """A job's prompt and settings, to be changed into a new job."""

    def __init__(self, job: Job, *, private: bool, spoiler: bool) -> None:
        super().__init__(title="Edit and draw again")
        self._job = job
        self._private = private
        self._spoiler = spoiler
        params = job.request.params
        self._prompt = self.ask("Prompt", _paragraph("prompt", params.prompt))
        self._negative = self.ask(
            "Negative prompt", _paragraph("negative_prompt", params.negative_prompt, required=False)
        )
        self._settings = self.ask(
            "Settings",
            _paragraph("settings", settings_text(job), required=False, limit=_SETTINGS_LENGTH),
            "As flags. Remove --seed for a new random one.",
        )

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Admit what was typed as a new job of whoever typed it."""
        prompt = self._prompt.value
        errors.remember_prompt(interaction, prompt)
        settings = parse_flags(self._settings.value)
        if settings.prompt:
            raise InvalidParams(
                "settings",
                f"The settings are flags like --steps 20; this is none: {settings.prompt[:80]}",
            )
        options = replace(settings, negative_prompt=self._negative.value or None)
        order = Order(
            draft=merge(options, parse_flags(prompt)),
            picture=_input_of(self._job),
            parent=self._job.id,
        )
        intake = desk_of(interaction).intake
        intake.check(order)
        receipt = await intake.acknowledge(
            interaction, private=self._private, spoiler=self._spoiler
        )
        await intake.admit(order, receipt)


class ReimagineForm(Form):
    """What to make of a picture found in a message."""

    def __init__(self, picture: Pointer, *, strength: float) -> None:
        super().__init__(title="Reimagine this picture")
        self._picture = picture
        self._prompt = self.ask(
            "Prompt",
            _paragraph("prompt", ""),
            "What the new picture should show. Flags work here too.",
        )
        self._strength = self.ask(
            "Strength",
            _Input(custom_id="strength", default=f"{strength:g}", required=False, max_length=8),
            "From 0 to 1: how much of the picture is redrawn.",
        )

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Admit the picture and the prompt as a new job."""
        prompt = self._prompt.value
        errors.remember_prompt(interaction, prompt)
        flags = parse_flags(prompt)
        # A flag in the prompt was typed with more intent than the field's prefilled value.
        strength = _number(self._strength.value) if flags.strength is None else None
        order = Order(draft=merge(Draft(strength=strength), flags), picture=self._picture)
        intake = desk_of(interaction).intake
        intake.check(order)
        receipt = await intake.acknowledge(interaction, private=False)
        await intake.admit(order, receipt)


def settings_text(job: Job) -> str:
    """A job's settings as the flags that ``parse_flags`` reads back."""
    draft = draft_from(job.request.params)
    flags = [
        ("model", draft.model),
        ("width", draft.width),
        ("height", draft.height),
        ("steps", draft.steps),
        ("cfg", None if draft.guidance_scale is None else f"{draft.guidance_scale:g}"),
        ("sampler", draft.sampler),
        ("scheduler", draft.scheduler),
        ("strength", None if draft.strength is None else f"{draft.strength:g}"),
        ("seed", draft.seed),
        ("count", draft.count),
    ]
    words = [f"--{name} {value}" for name, value in flags if value not in {None, ""}]
    words += [f"--lora {lora.name}:{lora.weight:g}" for lora in draft.loras]
    return " ".join(words)


def _input_of(job: Job) -> BlobId | None:
    """The stored picture that the job started from."""
    if job.request.params.task is Task.TXT2IMG or not job.request.inputs:
        return None
    return job.request.inputs[0]


def _paragraph(name: str, text: str, *, required: bool = True, limit: int = PROMPT_ROOM) -> _Input:
    return _Input(
        custom_id=name,
        style=discord.TextStyle.paragraph,
        default=text or None,
        required=required,
        max_length=limit,
    )


def _number(text: str) -> float | None:
    text = text.strip().replace(",", ".")
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InvalidParams(
            "strength", f"The strength is a number from 0 to 1, not “{text}”."
        ) from error
