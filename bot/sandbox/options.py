"""A member's use of a slash command: checks the options as Discord's client would."""

from __future__ import annotations

from collections.abc import Callable

from bot.sandbox.cdn import Attachment
from bot.sandbox.command_rules import NESTING, OptionType
from bot.sandbox.errors import FormErrors
from bot.sandbox.guild import Channel
from bot.sandbox.resolved import Resolved
from bot.sandbox.wire import Json, JsonObject, as_id, as_int, as_list, as_objects, as_text
from bot.sandbox.world import World

_SAFE_INTEGER = 2**53
_STRING_LIMIT = 6000

AttachUpload = Callable[[Json], Attachment | None]
"""Stores the upload of that part index; None where there is no such part."""


class OptionReader:
    """Reads given options against a command's own; what is wrong goes to `errors`."""

    def __init__(
        self,
        world: World,
        channel: Channel,
        resolved: Resolved,
        attach: AttachUpload,
        *,
        typing: bool,
    ) -> None:
        self._world = world
        self._channel = channel
        self._resolved = resolved
        self._attach = attach
        self._typing = typing
        self.errors = FormErrors()

    def read(self, schema: list[JsonObject], given: list[JsonObject]) -> list[JsonObject]:
        """Return the options as an interaction carries them."""
        kept: list[JsonObject] = []
        by_name = {as_text(item["name"]): item for item in schema}
        for item in given:
            name = as_text(item.get("name"))
            if name not in by_name:
                self._fail(name, f'This command has no option "{name}".')
                continue
            kept.append(self._one(by_name[name], item))
        present = {item["name"] for item in kept}
        for option in schema:
            required = option.get("required") is True and not self._typing
            if required and option["name"] not in present:
                self._fail(as_text(option["name"]), "This option is required. Specify a value.")
        nested = [option for option in schema if option["type"] in NESTING]
        if nested and len(kept) != 1:
            self._fail(as_text(nested[0]["name"]), "Choose one subcommand.")
        return kept

    def _one(self, option: JsonObject, given: JsonObject) -> JsonObject:
        kind = OptionType(as_int(option["type"]))
        wire: JsonObject = {"name": option["name"], "type": int(kind)}
        if kind in NESTING:
            inner = self.read(as_objects(option.get("options")), as_objects(given.get("options")))
            return wire | {"options": [*inner]}
        if given.get("focused") is True:
            # While it is being typed a value may be anything, and travels as text.
            return wire | {"value": str(given.get("value", "")), "focused": True}
        return wire | {"value": self._value(option, kind, given.get("value"))}

    def _value(self, option: JsonObject, kind: OptionType, value: Json) -> Json:
        name = as_text(option["name"])
        if kind is OptionType.STRING:
            self._check_text(option, as_text(value), isinstance(value, str))
        elif kind in {OptionType.INTEGER, OptionType.NUMBER}:
            self._check_number(option, kind, value)
        elif kind is OptionType.BOOLEAN:
            if not isinstance(value, bool):
                self._fail(name, "Choose true or false.")
        elif kind is OptionType.ATTACHMENT:
            return self._attachment(name, value)
        else:
            return self._place_or_person(option, kind, value)
        choices = as_objects(option.get("choices"))
        if choices and value not in [choice["value"] for choice in choices]:
            self._fail(name, "Choose one of the choices.")
        return value

    def _check_text(self, option: JsonObject, value: str, is_text: bool) -> None:
        low = as_int(option.get("min_length"), 0)
        high = as_int(option.get("max_length"), _STRING_LIMIT)
        if not is_text:
            self._fail(as_text(option["name"]), "This option takes text.")
        elif not low <= len(value) <= high or not value:
            message = f"Must be between {max(low, 1)} and {high} in length."
            self._fail(as_text(option["name"]), message)

    def _check_number(self, option: JsonObject, kind: OptionType, value: Json) -> None:
        name = as_text(option["name"])
        wanted = int if kind is OptionType.INTEGER else (int, float)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._fail(name, "This option takes a number.")
            return
        if not isinstance(value, wanted) or abs(value) > _SAFE_INTEGER:
            self._fail(name, "This option takes a whole number.")
        low, high = option.get("min_value"), option.get("max_value")
        if isinstance(low, int | float) and value < low:
            self._fail(name, f"Must be {low} or more.")
        if isinstance(high, int | float) and value > high:
            self._fail(name, f"Must be {high} or less.")

    def _attachment(self, name: str, value: Json) -> Json:
        attachment = self._attach(value)
        if attachment is None:
            self._fail(name, "This option takes a file.")
            return value
        self._resolved.add_attachment(attachment)
        return attachment.id

    def _place_or_person(self, option: JsonObject, kind: OptionType, value: Json) -> Json:
        found = as_id(value) or ""
        guild = self._world.guilds.get(self._channel.guild_id or "")
        if kind in {OptionType.USER, OptionType.MENTIONABLE} and found in self._world.users:
            self._resolved.add_user(found)
        elif kind in {OptionType.ROLE, OptionType.MENTIONABLE} and guild and found in guild.roles:
            self._resolved.add_role(found)
        elif kind is OptionType.CHANNEL and self._fits(option, found):
            self._resolved.add_channel(found)
        else:
            self._fail(as_text(option["name"]), "Choose one from the list.")
        return found

    def _fits(self, option: JsonObject, channel_id: str) -> bool:
        channel = self._world.channels.get(channel_id)
        if channel is None or channel.guild_id != self._channel.guild_id:
            return False
        types = as_list(option.get("channel_types"))
        return not types or int(channel.type) in types

    def _fail(self, name: str, message: str) -> None:
        self.errors.add(("options", name), "APPLICATION_COMMAND_OPTION_INVALID", message)
