"""The forms: editing a job's settings, and starting from a picture in a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import discord

from bot import errors
from bot.desk import desk_of
from bot.orders import Order, again, draft_from
from bot.replies import PROMPT_ROOM
from bot.text import clip, plain
from bot.uploads import Pointer
from generation.errors import InvalidParams
from generation.prompt import Draft, merge, parse_flags, write_setting
from generation.types import Job

FORM_SECONDS = 3600.0
"""How long a form may stay open. Its submission is judged as if typed anew."""

_SETTINGS_LENGTH = 2000
_NOTE_LENGTH = 250
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What a form starts from: the job with its stored pictures, if any, and how that is shown."""

    job: Job | None = None
    private: bool = False
    spoiler: bool = False


class EditForm(Form):
    """A prompt and settings, to be changed into a new job. ``notes`` stand above them."""

    def __init__(
        self, draft: Draft, *, title: str, origin: Origin, notes: Sequence[str] = ()
    ) -> None:
        super().__init__(title=title)
        self._origin = origin
        self._controls = draft.controls
        if notes:
            lines = [f"- {plain(note, _NOTE_LENGTH)}" for note in notes]
            self.add_item(discord.ui.TextDisplay("\n".join(lines)))
        self._prompt = self.ask("Prompt", _paragraph("prompt", draft.prompt))
        self._negative = self.ask(
            "Negative prompt",
            _paragraph("negative_prompt", draft.negative_prompt or "", required=False),
        )
        self._settings = self.ask(
            "Settings",
            _paragraph("settings", settings_text(draft), required=False, limit=_SETTINGS_LENGTH),
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
        draft, job = merge(options, parse_flags(prompt)), self._origin.job
        draft = replace(draft, controls=self._controls)
        order = Order(draft=draft) if job is None else again(job, draft)
        await desk_of(interaction).intake.take(
            interaction, order, private=self._origin.private, spoiler=self._origin.spoiler
        )


class InstructionForm(Form):
    """What to change in a picture found in a message."""

    def __init__(self, picture: Pointer) -> None:
        super().__init__(title="Edit this picture")
        self._picture = picture
        self._prompt = self.ask(
            "Instruction",
            _paragraph("prompt", ""),
            "What to change, such as: make it night. Flags work here too.",
        )

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Admit the picture and the instruction as a new job."""
        prompt = self._prompt.value
        errors.remember_prompt(interaction, prompt)
        order = Order(draft=parse_flags(prompt), references=(self._picture,), instructs=True)
        await desk_of(interaction).intake.take(interaction, order, private=False)


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
        await desk_of(interaction).intake.take(interaction, order, private=False)


def form_for(job: Job, *, private: bool, spoiler: bool) -> EditForm:
    """The form with everything that led to the job."""
    origin = Origin(job=job, private=private, spoiler=spoiler)
    return EditForm(draft_from(job.request.params), title="Edit and draw again", origin=origin)


def settings_text(draft: Draft) -> str:
    """A draft's settings as the flags that ``parse_flags`` reads back."""
    flags = [
        ("model", draft.model),
        ("width", draft.width),
        ("height", draft.height),
        ("steps", draft.steps),
        ("cfg", _short(draft.guidance_scale)),
        ("sampler", draft.sampler),
        ("scheduler", draft.scheduler),
        ("strength", _short(draft.strength)),
        ("eta", _short(draft.eta)),
        ("clip-skip", None if draft.clip_skip == 1 else draft.clip_skip),
        ("iw", _short(draft.reference_weight)),
        ("mask-blur", draft.mask_blur),
        ("padding", draft.padding),
        ("hires", _short(draft.hires)),
        ("hires-strength", _short(draft.hires_strength)),
        ("seed", draft.seed),
        ("subseed", draft.subseed),
        ("subseed-strength", _short(draft.subseed_strength)),
        ("count", draft.count),
    ]
    words = [f"--{name} {value}" for name, value in flags if value not in {None, ""}]
    words += ["--exact"] * bool(draft.exact)
    words += ["--tile"] * bool(draft.tiling)
    words += [f"--lora {lora.name}:{lora.weight:g}" for lora in draft.loras]
    words += [f"--set {write_setting(setting)}" for setting in draft.options]
    return " ".join(words)


def _short(number: float | None) -> str | None:
    return None if number is None else f"{number:g}"


def _paragraph(name: str, text: str, *, required: bool = True, limit: int = PROMPT_ROOM) -> _Input:
    return _Input(
        custom_id=name,
        style=discord.TextStyle.paragraph,
        default=clip(text, limit) or None,
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
