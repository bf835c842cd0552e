"""What Discord accepts of commands and their options, and the form in which it keeps them."""

from __future__ import annotations

import unicodedata
from enum import IntEnum

from bot.sandbox.form import Form
from bot.sandbox.wire import Json, JsonObject, as_list, as_objects, as_text


class CommandType(IntEnum):
    """Kinds of command."""

    CHAT_INPUT = 1
    USER = 2
    MESSAGE = 3


class OptionType(IntEnum):
    """Kinds of command option."""

    SUBCOMMAND = 1
    SUBCOMMAND_GROUP = 2
    STRING = 3
    INTEGER = 4
    BOOLEAN = 5
    USER = 6
    CHANNEL = 7
    ROLE = 8
    MENTIONABLE = 9
    NUMBER = 10
    ATTACHMENT = 11


_TEXT_TOTAL = 8000
NESTING = frozenset({OptionType.SUBCOMMAND, OptionType.SUBCOMMAND_GROUP})
_WITH_CHOICES = frozenset({OptionType.STRING, OptionType.INTEGER, OptionType.NUMBER})
_EXTRA_SCRIPTS = ("DEVANAGARI", "THAI")


def check_command(form: Form) -> JsonObject:
    """Check the body that registers a command and return it as Discord keeps it."""
    kind = CommandType(form.one_of("type", frozenset(CommandType)) or CommandType.CHAT_INPUT)
    if kind is CommandType.CHAT_INPUT:
        name = _slash_name(form)
        description = form.text("description", low=1, high=100, required=True) or ""
    else:
        name = form.text("name", low=1, high=32, required=True) or ""
        description = ""
        if form.data.get("description"):
            form.fail(
                "description",
                "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION",
                "Context menu commands cannot have description",
            )
    options = check_options(form) if kind is CommandType.CHAT_INPUT else []
    if kind is not CommandType.CHAT_INPUT and form.data.get("options"):
        form.fail(
            "options",
            "APPLICATION_COMMAND_CONTEXT_MENU_OPTIONS",
            "Context menu commands cannot have options",
        )
    length = len(name) + len(description) + sum(map(_length, options))
    if length > _TEXT_TOTAL:
        form.fail(
            "", "APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({_TEXT_TOTAL})"
        )
    bits = form.integer("default_member_permissions", low=0)
    wire: JsonObject = {
        "type": int(kind),
        "name": name,
        "name_localizations": form.data.get("name_localizations"),
        "description": description,
        "description_localizations": form.data.get("description_localizations"),
        "default_member_permissions": None if bits is None else str(bits),
        "nsfw": form.flag("nsfw"),
        "contexts": _numbers(form, "contexts", {0, 1, 2}),
        "integration_types": _numbers(form, "integration_types", {0, 1}) or [0],
        "dm_permission": form.data.get("dm_permission") is not False,
    }
    return wire | ({"options": [*options]} if options else {})


def check_options(form: Form, depth: int = 0) -> list[JsonObject]:
    """Check the `options` of a command, group or subcommand."""
    children = form.children("options", high=25)
    kept: list[JsonObject] = []
    optional_seen = False
    for item in children:
        option = _option(item, depth)
        required = option.get("required") is True
        if required and optional_seen:
            item.fail(
                "",
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                "Required options must be placed before non-required options",
            )
        optional_seen = optional_seen or not required
        kept.append(option)
    names = [option["name"] for option in kept]
    if len(set(map(str, names))) != len(names):
        form.fail(
            "options", "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Option name must be unique"
        )
    nested = {option["type"] in NESTING for option in kept}
    if len(nested) > 1:
        form.fail(
            "options",
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
            "Subcommands and groups cannot stand beside options of other types",
        )
    return kept


def _option(form: Form, depth: int) -> JsonObject:
    allowed = frozenset(OptionType)
    if depth:
        allowed -= NESTING if depth > 1 else {OptionType.SUBCOMMAND_GROUP}
    kind = form.one_of("type", frozenset(map(int, allowed)), required=True) or OptionType.STRING
    wire: JsonObject = {
        "type": kind,
        "name": _slash_name(form),
        "description": form.text("description", low=1, high=100, required=True),
    }
    for key in ("name_localizations", "description_localizations"):
        if form.has(key):
            wire[key] = form.data[key]
    if kind in NESTING:
        below = 1 if kind == OptionType.SUBCOMMAND_GROUP else 2
        return wire | {"options": [*check_options(form, below)]}
    wire["required"] = form.flag("required")
    return wire | _option_rules(form, OptionType(kind))


def _option_rules(form: Form, kind: OptionType) -> JsonObject:
    wire: JsonObject = {}
    choices = [_choice(item, kind) for item in form.children("choices", high=25)]
    if choices:
        wire["choices"] = [*choices]
        if kind not in _WITH_CHOICES:
            form.fail(
                "choices",
                "APPLICATION_COMMAND_OPTIONS_CHOICES_INVALID",
                "Option type cannot have choices",
            )
    if form.flag("autocomplete"):
        wire["autocomplete"] = True
        if choices or kind not in _WITH_CHOICES:
            form.fail(
                "autocomplete",
                "APPLICATION_COMMAND_AUTOCOMPLETE_INVALID",
                "Cannot use autocomplete with choices or with this option type",
            )
    wire |= _ranges(form, kind)
    if kind is OptionType.CHANNEL and form.has("channel_types"):
        wire["channel_types"] = form.data["channel_types"]
    return wire


def _ranges(form: Form, kind: OptionType) -> JsonObject:
    wire: JsonObject = {}
    if kind is OptionType.STRING:
        for key, low in (("min_length", 0), ("max_length", 1)):
            number = form.integer(key, low=low, high=6000)
            if number is not None:
                wire[key] = number
    if kind in {OptionType.INTEGER, OptionType.NUMBER}:
        for key in ("min_value", "max_value"):
            if isinstance(form.data.get(key), int | float):
                wire[key] = form.data[key]
    return wire


def _choice(form: Form, kind: OptionType) -> JsonObject:
    name = form.text("name", low=1, high=100, required=True)
    if kind is OptionType.STRING:
        wire: JsonObject = {"name": name, "value": form.text("value", high=100, required=True)}
    elif kind is OptionType.INTEGER:
        wire = {"name": name, "value": form.integer("value", required=True)}
    else:
        wire = {"name": name, "value": form.data.get("value")}
    if form.has("name_localizations"):
        wire["name_localizations"] = form.data["name_localizations"]
    return wire


def _slash_name(form: Form) -> str:
    name = form.text("name", low=1, high=32, required=True) or ""
    if name and not (name == name.lower() and all(map(_name_character, name))):
        form.fail("name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    return name


def _name_character(character: str) -> bool:
    if character in "-_'":
        return True
    if unicodedata.category(character)[0] in "LN":
        return True
    return unicodedata.name(character, "").startswith(_EXTRA_SCRIPTS)


def _numbers(form: Form, key: str, allowed: set[int]) -> list[Json] | None:
    if not form.has(key):
        return None
    found = as_list(form.data[key])
    if any(item not in allowed for item in found):
        form.fail(key, "BASE_TYPE_CHOICES", f"Values must be among {sorted(allowed)}.")
    return found


def _length(option: JsonObject) -> int:
    length = len(as_text(option.get("name"))) + len(as_text(option.get("description")))
    for choice in as_objects(option.get("choices")):
        length += len(as_text(choice.get("name"))) + len(str(choice.get("value")))
    return length + sum(map(_length, as_objects(option.get("options"))))
