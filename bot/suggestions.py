"""What is offered while a member types an option: pairs of what is shown and what is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import discord
from discord import app_commands

from bot.desk import catalog_for, desk_of
from generation.backends.base import LoraInfo, ModelInfo, OptionInfo, OptionKind
from generation.catalog import Catalog
from generation.errors import InvalidParams, Unavailable
from generation.own_options import values_of
from generation.prompt import split_settings, write_setting, written
from generation.types import OptionValue, Setting, Task

Suggestions = Iterator[tuple[str, str]]
Choices = list[app_commands.Choice[str]]

_MOST_CHOICES = 25
_CHOICE_LENGTH = 100


def choices(pairs: Iterable[tuple[str, str]]) -> Choices:
    """As many choices as Discord takes. A value too long for it could not be sent back whole."""
    found = [
        app_commands.Choice(name=title[:_CHOICE_LENGTH] or value, value=value)
        for title, value in pairs
        if 0 < len(value) <= _CHOICE_LENGTH
    ]
    return found[:_MOST_CHOICES]


def chosen_model(interaction: discord.Interaction) -> ModelInfo | None:
    """The model named in the command so far, or else the default; None where there is neither."""
    catalog, name = catalog_for(interaction), interaction.namespace.model
    try:
        return catalog.find(name) if isinstance(name, str) else catalog.default
    except (InvalidParams, Unavailable):
        return None


def suggest_models(catalog: Catalog, typed: str) -> Suggestions:
    """Models by their titles."""
    wanted = typed.casefold()
    for model in catalog.models:
        if wanted in model.title.casefold() or wanted in model.name.casefold():
            yield model.title, model.name


async def offer_models(interaction: discord.Interaction, typed: str) -> Choices:
    """The choices for an option that names a model."""
    return choices(suggest_models(catalog_for(interaction), typed))


def suggest_tools(catalog: Catalog, task: Task, typed: str) -> Suggestions:
    """Tools for a task by their titles."""
    wanted = typed.casefold()
    for tool in catalog.tools(task):
        if wanted in tool.title.casefold() or wanted in tool.name.casefold():
            yield tool.title, tool.name


def offer_tools(interaction: discord.Interaction, task: Task, typed: str) -> Choices:
    """The choices for an option that names a tool for the task."""
    return choices(suggest_tools(desk_of(interaction).catalog, task, typed))


def suggest_samplers(model: ModelInfo | None, typed: str) -> Suggestions:
    """Samplers; once one is typed out, also joined with its schedules."""
    if model is None:
        return
    wanted = typed.strip().casefold()
    names = [name for name in model.samplers if wanted in name.casefold()]
    for name in model.samplers:
        if wanted.startswith(name.casefold()):
            joined = (f"{name} {schedule}" for schedule in model.schedulers)
            names += [both for both in joined if both.casefold().startswith(wanted)]
    for name in dict.fromkeys(names):
        yield name, name


def suggest_schedulers(model: ModelInfo | None, typed: str) -> Suggestions:
    """Schedules."""
    wanted = typed.casefold()
    for name in () if model is None else model.schedulers:
        if wanted in name.casefold():
            yield name, name


def suggest_loras(model: ModelInfo | None, typed: str) -> Suggestions:
    """LoRAs for the last place of a list, each with the words that wake it.

    A weight that has been typed is kept.
    """
    before, comma, last = typed.rpartition(",")
    start = f"{before.strip()}{comma} " if comma else ""
    name, colon, weight = last.strip().partition(":")
    wanted = name.casefold()
    for lora in () if model is None else model.loras:
        words = (lora.name, lora.title, *lora.triggers)
        if any(wanted in word.casefold() for word in words):
            end = f"{colon}{weight}"
            yield f"{start}{_described(lora, end)}", f"{start}{lora.name}{end}"


def suggest_controls(model: ModelInfo | None, typed: str) -> Suggestions:
    """Kinds of controls, with a word where a picture has to show them already."""
    wanted = typed.casefold()
    for control in () if model is None else model.controls:
        title = control.title or control.name
        if wanted in control.name.casefold() or wanted in title.casefold():
            yield f"{title}{'' if control.prepares else ', only prepared'}", control.name


def suggest_options(model: ModelInfo | None, typed: str) -> Suggestions:
    """An engine's own options for the last place of a list; after the ``=``, what it may be."""
    *before, last = split_settings(typed)
    start = "".join(f"{part.strip()}, " for part in before if part.strip())
    name, equals, value = last.strip().partition("=")
    for info in () if model is None else model.options:
        named = info.name.casefold() == name.strip().casefold()
        if equals and named:
            for offered in _values(info, value.strip().strip('"“”')):
                pair = write_setting(Setting(name=info.name, value=offered))
                yield f"{start}{pair}", f"{start}{pair}"
        elif not equals and _is_meant(name, info):
            says_more = info.title and info.title.casefold() != info.name.replace("_", " ")
            title = f" ({info.title})" if says_more else ""
            yield f"{start}{info.name}={title} {values_of(info)}", f"{start}{info.name}="


def _is_meant(typed: str, info: OptionInfo) -> bool:
    wanted = typed.strip().casefold()
    return wanted in info.name.casefold() or wanted in info.title.casefold()


def _values(info: OptionInfo, typed: str) -> Iterator[OptionValue]:
    """What the option may be set to, as far as it is typed; a number is what was typed."""
    offered: list[OptionValue] = [*info.choices]
    if info.kind is OptionKind.SWITCH:
        offered = [True, False]
    found = [value for value in offered if typed.casefold() in written(value).casefold()]
    if not offered:
        found = [typed] if typed else [] if info.default in {None, ""} else [info.default or 0]
    yield from found


def _described(lora: LoraInfo, weight: str) -> str:
    title = "" if lora.title in {"", lora.name} else f" ({lora.title})"
    triggers = f", say: {', '.join(lora.triggers)}" if lora.triggers else ""
    return f"{lora.name}{weight}{title}{triggers}"
