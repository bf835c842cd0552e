"""Messages about the bot itself: the guide, its models, and what a server allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bot.custom_ids import Action
from bot.permissions import role_group
from bot.replies import Button, Card
from bot.text import duration, one_line, plain
from generation.backends.base import ModelInfo
from generation.limits import LIMITS, Limits
from generation.line import Outlook, Place
from generation.types import Job, JobState

_ROLE: Final = role_group("")

_GUIDE: Final = """\
**Make a picture**: `/imagine` and say what you would like to see.
**Shape it**: the options set size, steps, guidance and seed; so do flags in the prompt, such as \
`--ar 16:9 --no text --seed 7`.
**Weigh words**: `(word:1.3)` says it louder, `[word]` softer; `\\(` is a plain bracket.
**Add a style**: the `lora` option suggests those there are; several go together, `ink:0.8, neon`.
**Start from a picture**: give `/imagine` an `image`, or choose Apps → Reimagine… on any message \
with a picture, or reply to one of mine and mention {mention}.
**Change a part**: `/inpaint` draws anew what is white in a mask, or transparent in the picture; \
`/outpaint` draws on beyond the edges.
**Say what to change**: `/edit` changes a picture by your words, or choose Apps → Edit… on any \
message with one; `/blend` draws one picture out of several.
**Keep to a picture**: `/control` follows its edges, depth or pose, where there is a ControlNet.
**Make a pattern**: with `--tile` the edges meet without a seam.
**Make it larger**: Upscale under a result, or `/upscale` for any picture.
**Take it apart**: `/cutout` removes a background, `/describe` says what a picture shows.
**Start from settings**: choose Apps → Use these settings on any picture that carries them, mine \
or another program's.
**Go on**: the buttons under a result draw it again, vary it, enlarge it, edit it, or delete it.
**Wait**: `/queue` says how long it takes now; `/jobs` lists yours, and what could not be shown."""


def limits(values: Limits, *, server: bool, shares: Mapping[str, float]) -> Card:
    """What a server (or private messages) allows, one line a limit, and some roles' shares."""
    place = "This server" if server else "In private messages, each person"
    lines = [f"**{place} allows**"]
    lines += [f"{info.title.capitalize()}: **{getattr(values, info.field)}**" for info in LIMITS]
    if shares:
        named = [
            f"<@&{group.removeprefix(_ROLE)}> {share:g}"
            for group, share in sorted(shares.items())
            if group.startswith(_ROLE)
        ]
        lines.append(f"Shares of the queue, where others have 1: {', '.join(named[:20])}")
    if server:
        lines.append("-# Who manages the server can change these: /limits set, /limits share.")
    return Card(texts=("\n".join(lines),))


def queue(outlook: Outlook, models: Sequence[str]) -> Card:
    """How many wait and run, and when a new wish would start."""
    if not outlook.waiting and not outlook.running:
        lines = ["**Nothing is waiting**: what you ask for now starts at once."]
    else:
        lines = [f"**{outlook.running} being drawn, {outlook.waiting} waiting**"]
        if outlook.eta_seconds is not None:
            lines.append(f"A new one starts in {duration(outlook.eta_seconds)} at the latest.")
        lines.append("-# Everybody gets a fair share: whoever asks for little goes first.")
    if not models:
        lines.append("No model is available right now; what waits is drawn when one is back.")
    return Card(texts=("\n".join(lines),))


def jobs(unfinished: Sequence[tuple[Job, Place | None]], parked: Sequence[Job]) -> Card:
    """A member's own jobs, numbered, with a button for each."""
    lines: list[str] = []
    buttons: list[Button] = []
    for number, (job, place) in enumerate(unfinished, start=1):
        lines.append(f"**{number}** {_words(job)} · {_standing(job, place)}")
        label = f"Cancel {number}"
        buttons.append(Button(action=Action.CANCEL, label=label, job_id=job.id, emoji="✖️"))
    for number, job in enumerate(parked, start=len(unfinished) + 1):
        lines.append(f"**{number}** {_words(job)} · could not be shown where you asked for it")
        label = f"Show {number}"
        buttons.append(Button(action=Action.SHOW, label=label, job_id=job.id, emoji="🖼️"))
    if not lines:
        lines.append("Nothing of yours is waiting or being drawn.")
    return Card(texts=("\n".join(lines),), buttons=tuple(buttons))


def _words(job: Job) -> str:
    return plain(one_line(job.request.params.prompt), 100) or "(no words)"


def _standing(job: Job, place: Place | None) -> str:
    if job.state is JobState.RUNNING:
        return "being drawn"
    if place is None or not place.ahead:
        return "next in line"
    eta = place.eta_seconds
    return f"{place.ahead} ahead" + ("" if eta is None else f", starts in {duration(eta)}")


def guide(bot_id: int, models: Sequence[str], words: Sequence[str] = ()) -> Card:
    """How to use the bot, in one screen. ``words`` have a learned meaning in prompts."""
    names = ", ".join(plain(name, 60) for name in models[:20])
    help_text = _GUIDE.format(mention=f"<@{bot_id}>")
    footer = [f"-# Models: {names}" if names else "-# No model is available right now."]
    if words:
        learned = ", ".join(plain(word, 60) for word in words[:20])
        footer.append(f"-# Words with a learned meaning: {learned}")
    return Card(texts=(help_text, "\n".join(footer)))


def models(offered: Sequence[ModelInfo]) -> Card:
    """The models, with what is to be known of each."""
    if not offered:
        return Card(texts=("No model is available right now.",))
    lines = [_model(model) for model in offered[:_MOST_MODELS]]
    if len(offered) > _MOST_MODELS:
        lines.append(f"… and {len(offered) - _MOST_MODELS} more; `/imagine model` suggests them.")
    return Card(texts=("\n".join(lines),))


def rescanned(new: Sequence[str], gone: Sequence[str], problems: int) -> Card:
    """What another look at the folders has changed. What is wrong with files is for the log."""
    lines = [f"New: {_names(new)}" if new else "Nothing new was found."]
    if gone:
        lines.append(f"No longer there: {_names(gone)}")
    if problems:
        noun = "1 file or model" if problems == 1 else f"{problems} files or models"
        lines.append(f"-# {noun} cannot be used; the log and `easel check` say why.")
    return Card(texts=("\n".join(lines),))


_MOST_MODELS: Final = 30


def _model(model: ModelInfo) -> str:
    facts = [f"{model.width}×{model.height}", f"{model.steps} steps"]
    if model.triggers:
        facts.append(f"say: {plain(', '.join(model.triggers), 80)}")
    if model.licence:
        facts.append(f"licence: {plain(model.licence, 60)}")
    title = "" if model.title in {"", model.name} else f" {plain(model.title, 60)}"
    return f"**{plain(model.name, 60)}**{title} · {' · '.join(facts)}"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(plain(name, 60) for name in names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown
