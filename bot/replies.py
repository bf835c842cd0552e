"""Every message the bot sends: built here, within Discord's limits, from text made safe here."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import discord

from bot import custom_ids
from bot.custom_ids import Action
from bot.summary import seeds_line, settings_line
from bot.text import block, clean, clip, duration, length, plain
from generation.images import Encoded
from generation.line import Place
from generation.types import UNSEEDED, Job, JobId, JobState, Params, Progress, Task

TEXT_LIMIT: Final = 4000
"""Characters in all texts of one message."""

PICTURE_LIMIT: Final = 10
"""Pictures in one message."""

ALT_LIMIT: Final = 1024

PROMPT_ROOM: Final = 3000
"""The longest prompt that is taken in, so that a refusal can always give all of it back."""

GREEN: Final = 0x57F287
RED: Final = 0xED4245
BLUE: Final = 0x5865F2

_LABELS: Final = {
    Action.VARY: ("Vary", "🎨"),
    Action.SUBTLE: ("Vary (Subtle)", "🖌️"),
    Action.UPSCALE: ("Upscale", "🔍"),
}
_SHORT: Final = {Action.SUBTLE: "Subtle"}  # where a number follows
_MOST_SUBTLE: Final = 4
"""Pictures in one result up to which each has a second button to vary it."""

_VERBS: Final = {
    Task.UPSCALE: "Enlarging",
    Task.CUTOUT: "Cutting out",
    Task.DESCRIBE: "Describing",
}
_BAR_LENGTH = 12
_ROW_LENGTH = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A file shown in the message's gallery. ``name`` is ours, never a member's text."""

    name: str
    data: bytes = field(repr=False)
    description: str = ""
    spoiler: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """A button by what it does; ``index`` is the picture it means, from 0."""

    action: Action
    label: str
    job_id: JobId
    index: int | None = None
    style: discord.ButtonStyle = discord.ButtonStyle.secondary
    emoji: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One message: texts, pictures, texts, buttons. Its texts have passed ``bot.text``."""

    texts: tuple[str, ...]
    pictures: tuple[Picture, ...] = ()
    footer: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    colour: int = BLUE

    def view(self) -> discord.ui.LayoutView:
        """The message's layout. Needs a running event loop.

        The view is stopped at once: buttons are answered by ``bot.views``, before and after a
        restart alike, so discord.py need not remember the view.
        """
        view = discord.ui.LayoutView(timeout=None)
        container = discord.ui.Container[discord.ui.LayoutView](accent_colour=self.colour)
        texts, footer = _within(self.texts, self.footer)
        for text in texts:
            container.add_item(discord.ui.TextDisplay(text))
        if self.pictures:
            container.add_item(discord.ui.MediaGallery(*map(_gallery_item, self.pictures)))
        if footer:
            container.add_item(discord.ui.TextDisplay("\n".join(footer)))
        view.add_item(container)
        for row in _rows(self.buttons):
            view.add_item(discord.ui.ActionRow(*map(_button, row)))
        view.stop()
        return view

    def files(self) -> list[discord.File]:
        """The pictures as uploads; fresh ones at each call, as an upload uses them up."""
        return [
            discord.File(io.BytesIO(picture.data), filename=picture.name, spoiler=picture.spoiler)
            for picture in self.pictures
        ]


def queued(job: Job, place: Place | None) -> Card:
    """The job waits."""
    if place is None or place.ahead == 0:
        return _unfinished(job, "**Queued**, next in line")
    return _unfinished(job, _in_line("**Queued**", place.ahead, place.eta_seconds))


def running(job: Job, progress: Progress | None, *, spoiler: bool) -> Card:
    """The job is being worked on; shows the preview if there is one."""
    if progress is None or progress.steps < 1:
        return _unfinished(job, "**Starting** …")
    if progress.ahead:
        where = "**Waiting** at the image generator"  # others use it as well
        return _unfinished(job, _in_line(where, progress.ahead, progress.eta_seconds))
    step = min(progress.step, progress.steps)
    filled = _BAR_LENGTH * step // progress.steps
    bar = "▰" * filled + "▱" * (_BAR_LENGTH - filled)
    verb = _VERBS.get(job.request.params.task, "Drawing")
    heading = f"**{verb}** {bar} {step}/{progress.steps}"
    if progress.eta_seconds is not None and step < progress.steps:
        heading += f", {duration(progress.eta_seconds)} left"
    card = _unfinished(job, heading)
    if progress.preview is None:
        return card
    preview = Picture(
        name="preview.jpg", data=progress.preview, description="Preview", spoiler=spoiler
    )
    return replace(card, pictures=(preview,))


def out_of_reach(job: Job) -> Card:
    """The last words of an answer that Discord will soon let nobody edit."""
    where = "The result will come as a private message, or wait under `/jobs` if you take none."
    return _unfinished(job, f"**Not done yet**, and Discord closes this answer now. {where}")


def _in_line(where: str, ahead: int, eta: float | None) -> str:
    starts = "" if eta is None else f", starts in {duration(eta)}"
    return f"{where}, {ahead} ahead{starts}"


def result(
    job: Job,
    pictures: Sequence[Picture],
    *,
    can_vary: bool,
    can_upscale: bool = False,
    notes: Sequence[str] = (),
) -> Card:
    """The finished pictures with everything needed to make them again."""
    params = job.request.params
    footer = [settings_line(params, job.seconds)]
    is_drawn = not params.task.is_for_tools
    if is_drawn and not any(UNSEEDED in output.flags for output in job.outputs):
        footer.append(seeds_line(params))
    footer += [f"-# {plain(note, 160)}" for note in (*job.notes, *notes)[:5]]
    each = (Action.VARY,) * can_vary
    each += (Action.SUBTLE,) * (can_vary and len(pictures) <= _MOST_SUBTLE)
    each += (Action.UPSCALE,) * can_upscale
    return Card(
        texts=_prompt_texts(params),
        pictures=tuple(pictures[:PICTURE_LIMIT]),
        footer=tuple(footer),
        buttons=_result_buttons(job, len(pictures), each),
        colour=GREEN,
    )


def described(job: Job, text: str, *, spoiler: bool) -> Card:
    """What a picture shows, with a button that draws it."""
    shown = f"||{plain(text, 3000)}||" if spoiler else block(text, 3000)
    footer = [settings_line(job.request.params, job.seconds)]
    footer += [f"-# {plain(note, 160)}" for note in job.notes[:5]]
    imagine = Button(action=Action.IMAGINE, label="Imagine this", job_id=job.id, emoji="🎨")
    return Card(
        texts=(shown,),
        footer=tuple(footer),
        buttons=(imagine, _delete_button(job.id)),
        colour=GREEN,
    )


def bare_result(job: Job, pictures: Sequence[Picture]) -> Card:
    """The pictures with none of the member's words, for when Discord refuses those."""
    return Card(
        texts=("Your pictures are ready.",),
        pictures=tuple(replace(picture, description="") for picture in pictures[:PICTURE_LIMIT]),
        buttons=_result_buttons(job, len(pictures)),
        colour=GREEN,
    )


def ending(job: Job, *, bare: bool = False) -> Card:
    """A job that ended without pictures: why, and unless ``bare`` the prompt to go on from."""
    params = job.request.params
    cancelled = job.outcome is JobState.CANCELLED
    sentence = "Cancelled." if cancelled or job.fault is None else job.fault.sentence
    return Card(
        texts=(plain(sentence, 600), *(() if bare else _prompt_texts(params))),
        buttons=(
            Button(action=Action.AGAIN, label="Try again", job_id=job.id, emoji="🔁"),
            *_edit_buttons(job),
            _delete_button(job.id),
        ),
        colour=BLUE if cancelled else RED,
    )


def refusal(sentence: str, prompt: str | None = None) -> Card:
    """One sentence on what to do, and the prompt so that it is not lost."""
    texts = [plain(sentence, 800)]
    if prompt and clean(prompt):
        texts.append(block(prompt, PROMPT_ROOM + 20))
    return Card(texts=tuple(texts), colour=RED)


def notice(sentence: str) -> Card:
    """One sentence that is no refusal."""
    return Card(texts=(plain(sentence, 800),))


def enlarged(encoded: Encoded, note: str, *, spoiler: bool) -> Card:
    """A picture that was made larger, with what was done to it."""
    name = f"enlarged.{encoded.extension}"
    picture = Picture(name=name, data=encoded.data, description="Enlarged", spoiler=spoiler)
    return Card(texts=(), pictures=(picture,), footer=(f"-# {plain(note, 300)}",), colour=GREEN)


def mentioning(card: Card, owner: int) -> Card:
    """The card with its owner's name above it, for a message that should reach them."""
    return replace(card, texts=(f"<@{owner}>", *card.texts))


def _unfinished(job: Job, heading: str) -> Card:
    params = job.request.params
    cancel = Button(action=Action.CANCEL, label="Cancel", job_id=job.id, emoji="✖️")
    return Card(
        texts=(heading, *_prompt_texts(params)),
        footer=(settings_line(params, None),),
        buttons=(cancel,),
    )


def _prompt_texts(params: Params) -> tuple[str, ...]:
    if params.task.is_for_tools:
        return ()
    texts = [block(params.prompt, 1600)]
    if clean(params.negative_prompt):
        texts.append(f"Without: {plain(params.negative_prompt, 500)}")
    return tuple(texts)


def _result_buttons(job: Job, count: int, each: Sequence[Action] = ()) -> tuple[Button, ...]:
    """What members do most comes first; deleting stands last, where no finger slips onto it.

    ``each`` is what can be done with every single picture.
    """
    several = [
        Button(
            action=action,
            label=_label(action, index, count),
            job_id=job.id,
            index=index,
            emoji=_LABELS[action][1],
        )
        for action in each
        for index in range(min(count, PICTURE_LIMIT))
    ]
    if job.request.params.task.is_for_tools:
        return (*several, _delete_button(job.id))  # the same tool would make the same again
    again = Button(action=Action.AGAIN, label="Again", job_id=job.id, emoji="🔁")
    return (again, *several, *_edit_buttons(job), _delete_button(job.id))


def _label(action: Action, index: int, count: int) -> str:
    label = _LABELS[action][0]
    return label if count == 1 else f"{_SHORT.get(action, label)} {index + 1}"


def _edit_buttons(job: Job) -> tuple[Button, ...]:
    """For what has a prompt to edit."""
    if job.request.params.task.is_for_tools:
        return ()
    return (Button(action=Action.EDIT, label="Edit", job_id=job.id, emoji="✏️"),)


def _delete_button(job_id: JobId) -> Button:
    return Button(action=Action.DELETE, label="Delete", job_id=job_id, emoji="🗑️")


def _within(
    texts: tuple[str, ...], footer: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Both parts, cut so that together they stay within one message's text."""
    room = TEXT_LIMIT
    kept: list[str] = []
    for text in (*texts, *footer):
        part = clip(text, max(0, room - 1))
        room -= length(part) + 1
        kept.append(part)
    return (
        tuple(filter(None, kept[: len(texts)])),
        tuple(filter(None, kept[len(texts) :])),
    )


def _rows(buttons: tuple[Button, ...]) -> list[tuple[Button, ...]]:
    """Buttons in rows of five; of more, each action for one of several has rows of its own."""
    if len(buttons) <= _ROW_LENGTH:
        return [buttons] if buttons else []
    groups = [tuple(button for button in buttons if button.index is None)]
    each = [button for button in buttons if button.index is not None]
    is_one = not any(button.index for button in each)
    for kind in (None,) if is_one else dict.fromkeys(button.action for button in each):
        several = tuple(button for button in each if kind in {None, button.action})
        groups += [
            several[start : start + _ROW_LENGTH] for start in range(0, len(several), _ROW_LENGTH)
        ]
    return [group for group in groups if group]


def _button(button: Button) -> discord.ui.Button[discord.ui.LayoutView]:
    return discord.ui.Button(
        label=button.label,
        emoji=button.emoji,
        style=button.style,
        custom_id=custom_ids.write(button.action, button.job_id, button.index),
    )


def _gallery_item(picture: Picture) -> discord.MediaGalleryItem:
    # A spoiler's upload is renamed by discord.File, and the gallery must name what is uploaded.
    name = f"SPOILER_{picture.name}" if picture.spoiler else picture.name
    description = clip(clean(picture.description), ALT_LIMIT)
    return discord.MediaGalleryItem(
        f"attachment://{name}", description=description or None, spoiler=picture.spoiler
    )
