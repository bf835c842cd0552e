"""The options that only one engine knows: found among what a model offers, and checked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from generation.backends.base import ModelInfo, OptionInfo, OptionKind
from generation.choices import unknown
from generation.errors import InvalidParams
from generation.prompt import SETTING_MOST, Draft, clean_text, written
from generation.types import OptionValue, Setting, Task

TEXT_LENGTH = 1000
"""Characters that an option's text may have."""

_SWITCH = {
    **dict.fromkeys(("yes", "on", "true", "1"), True),
    **dict.fromkeys(("no", "off", "false", "0"), False),
}
_NUMBER_LENGTH = 24
_SHOWN = 40
_TASKS = {
    Task.TXT2IMG: "pictures from a prompt alone",
    Task.IMG2IMG: "starting from a picture",
    Task.INPAINT: "redrawing a part of a picture",
    Task.EDIT: "editing pictures by instruction",
}


def choose_options(draft: Draft, model: ModelInfo, task: Task) -> tuple[Setting, ...]:
    """What is set, by the model's own names and in its kinds of values.

    Raises ``InvalidParams`` for the first problem.
    """
    chosen: dict[str, Setting] = {}
    for setting in draft.options:
        info = find_option(setting.name, model)
        if task not in info.tasks:
            able = " and ".join(words for other, words in _TASKS.items() if other in info.tasks)
            raise _wrong(f"The option {info.name} is for {able}; leave it out.")
        value = _read(setting.value, info)
        if chosen.setdefault(info.name, Setting(name=info.name, value=value)).value != value:
            raise _wrong(f"The option {info.name} is given twice. Please keep only one.")
    if len(chosen) > SETTING_MOST:
        raise _wrong(f"At most {SETTING_MOST} options can be set at once.")
    return tuple(chosen.values())


def find_option(name: str, model: ModelInfo) -> OptionInfo:
    """The model's option of that name or title. Raises ``InvalidParams`` with a hint."""
    wanted = _plain(name)
    for info in model.options:
        if wanted and wanted in {_plain(info.name), _plain(info.title)}:
            return info
    if not model.options:
        raise _wrong(f"The model {model.name} has no options of its own.")
    names = [info.name for info in model.options]
    raise unknown("option", name, names, option="options")


def fitting_options(
    settings: Iterable[Setting], model: ModelInfo, task: Task
) -> tuple[Setting, ...]:
    """Those that the model knows for that task: what another task was made with may not fit."""
    return tuple(one for one in settings if _fits(one, model, task))


def values_of(info: OptionInfo) -> str:
    """What the option may be set to, in a few words."""
    match info.kind:
        case OptionKind.SWITCH:
            return "yes or no"
        case OptionKind.CHOICE:
            shown = ", ".join(info.choices[:8])
            return f"one of {shown}{'…' if len(info.choices) > 8 else ''}"
        case OptionKind.TEXT:
            return "a text"
        case OptionKind.WHOLE | OptionKind.NUMBER:
            noun = "a whole number" if info.kind is OptionKind.WHOLE else "a number"
            return noun + _range(info)


def _fits(setting: Setting, model: ModelInfo, task: Task) -> bool:
    try:
        return bool(choose_options(replace(Draft(), options=(setting,)), model, task))
    except InvalidParams:
        return False


def _read(value: OptionValue, info: OptionInfo) -> OptionValue:
    text = written(value).strip()
    match info.kind:
        case OptionKind.SWITCH:
            return _switch(text, info)
        case OptionKind.CHOICE:
            return _choice(text, info)
        case OptionKind.TEXT:
            return clean_text(text, option=info.name, limit=TEXT_LENGTH)
        case OptionKind.WHOLE | OptionKind.NUMBER:
            return _number(text, info)


def _switch(text: str, info: OptionInfo) -> bool:
    if text.casefold() not in _SWITCH:
        raise _wrong(f"The option {info.name} is yes or no, not “{_cut(text)}”.")
    return _SWITCH[text.casefold()]


def _choice(text: str, info: OptionInfo) -> str:
    for choice in info.choices:
        if text == choice:
            return choice
    for choice in info.choices:
        if _plain(text) == _plain(choice):
            return choice
    raise unknown(f"{info.name}", text, info.choices, option="options")


def _number(text: str, info: OptionInfo) -> int | float:
    try:
        number = float(text) if len(text) <= _NUMBER_LENGTH and text.isascii() else math.nan
    except ValueError:
        number = math.nan
    is_whole = info.kind is OptionKind.WHOLE
    lowest = -math.inf if info.lowest is None else info.lowest
    highest = math.inf if info.highest is None else info.highest
    fits = math.isfinite(number) and lowest <= number <= highest
    if not fits or (is_whole and number != int(number)):
        raise _wrong(f"The option {info.name} is {values_of(info)}, not “{_cut(text)}”.")
    return int(number) if is_whole else number


def _range(info: OptionInfo) -> str:
    if info.lowest is not None and info.highest is not None:
        return f" from {written(info.lowest)} to {written(info.highest)}"
    if info.lowest is not None:
        return f", {written(info.lowest)} or more"
    return "" if info.highest is None else f", at most {written(info.highest)}"


def _plain(name: str) -> str:
    return "_".join(name.casefold().replace("-", " ").replace("_", " ").split())


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _wrong(sentence: str) -> InvalidParams:
    return InvalidParams("options", sentence)
