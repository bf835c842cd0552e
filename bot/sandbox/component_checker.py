"""What all components have in common: kinds, ids, options and limits, checked as Discord does."""

from __future__ import annotations

from collections.abc import Iterator

from bot.sandbox.components import Kind
from bot.sandbox.form import Form
from bot.sandbox.wire import JsonObject, as_int, as_object, as_objects


class ComponentChecker:
    """Examines one message's or form's components; they share ids, counts and text budget."""

    text_limit = 4000

    def __init__(self) -> None:
        self._custom_ids: set[str] = set()
        self._ids: set[int] = set()
        self.count = 0
        self.text_length = 0

    def numbered(self, components: list[JsonObject]) -> list[JsonObject]:
        """Give an id to each component that came without."""
        free = (number for number in range(1, 10_000) if number not in self._ids)
        return [_number(component, free) for component in components]

    def kind(self, form: Form, allowed: frozenset[Kind]) -> Kind | None:
        """Read the type, which must be one of `allowed`; None where it is not."""
        self.count += 1
        number = as_int(form.data.get("type"), -1)
        if number not in allowed:
            choices = ", ".join(str(int(item)) for item in sorted(allowed))
            form.fail(
                "type", "UNION_TYPE_CHOICES", f'Value of field "type" must be one of ({choices}).'
            )
            return None
        return Kind(number)

    def id(self, form: Form) -> int:
        """Read the id; 0 stands for one still to be given."""
        number = form.integer("id", low=0, high=2**31 - 1) or 0
        if number and number in self._ids:
            form.fail("id", "COMPONENT_ID_DUPLICATED", "Component id cannot be duplicated")
        self._ids.add(number)
        return number

    def custom_id(self, form: Form) -> str:
        """Read the custom_id, which must be the only one of its name."""
        custom_id = form.text("custom_id", low=1, high=100, required=True) or ""
        if custom_id and custom_id in self._custom_ids:
            form.fail(
                "custom_id",
                "COMPONENT_CUSTOM_ID_DUPLICATED",
                "Component custom id cannot be duplicated",
            )
        self._custom_ids.add(custom_id)
        return custom_id

    def select(self, form: Form, kind: Kind) -> JsonObject:
        """Read the fields of a select of any kind."""
        wire: JsonObject = {"custom_id": self.custom_id(form)}
        placeholder = form.text("placeholder", high=150)
        if placeholder:
            wire["placeholder"] = placeholder
        low, high = read_bounds(form, most=25)
        wire |= {"min_values": low, "max_values": high}
        if form.flag("disabled"):
            wire["disabled"] = True
        if kind is Kind.STRING_SELECT:
            options = read_options(form, low=1, high=25)
            if high > len(options):
                form.fail(
                    "max_values",
                    "SELECT_COMPONENT_MAX_VALUES_TOO_LARGE",
                    "The max values cannot be greater than the number of options",
                )
            return wire | {"options": [*options]}
        if form.has("default_values"):
            wire["default_values"] = [
                {"id": item.snowflake("id", required=True), "type": item.text("type")}
                for item in form.children("default_values", high=25)
            ]
        if kind is Kind.CHANNEL_SELECT and form.has("channel_types"):
            wire["channel_types"] = form.data["channel_types"]
        return wire

    def text_display(self, form: Form) -> JsonObject:
        """Read the fields of a text display."""
        content = form.text("content", low=1, high=self.text_limit, required=True) or ""
        self.text_length += len(content)
        return {"content": content}


def read_bounds(form: Form, *, most: int) -> tuple[int, int]:
    """Read `min_values` and `max_values` of something that offers up to `most`."""
    low = form.integer("min_values", low=0, high=most)
    high = form.integer("max_values", low=1, high=most)
    low, high = 1 if low is None else low, 1 if high is None else high
    if low > high:
        form.fail(
            "min_values",
            "SELECT_COMPONENT_BAD_VALUES",
            "min_values cannot be greater than max_values",
        )
    return low, high


def read_options(form: Form, *, low: int, high: int) -> list[JsonObject]:
    """Read `options`, of which there must be `low` to `high`."""
    kept: list[JsonObject] = []
    for item in form.children("options", low=low, high=high, required=True):
        option: JsonObject = {
            "label": item.text("label", low=1, high=100, required=True),
            "value": item.text("value", low=1, high=100, required=True),
        }
        description = item.text("description", high=100)
        if description:
            option["description"] = description
        if item.has("emoji"):
            option["emoji"] = read_emoji(item)
        if item.flag("default"):
            option["default"] = True
        kept.append(option)
    values = [option["value"] for option in kept]
    if len(set(map(str, values))) != len(values):
        form.fail(
            "options",
            "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
            "The specified option value is already used",
        )
    return kept


def read_emoji(form: Form) -> JsonObject:
    """Read an emoji, of Unicode or of a guild."""
    emoji = form.child("emoji")
    if emoji is None:
        return {}
    name = emoji.text("name", high=32)
    custom = emoji.snowflake("id")
    if custom is None:
        if not name or name.isascii():
            emoji.fail("name", "BUTTON_COMPONENT_INVALID_EMOJI", "Invalid emoji")
        return {"name": name}
    return {"id": custom, "name": name, "animated": emoji.flag("animated")}


def _number(component: JsonObject, free: Iterator[int]) -> JsonObject:
    kept = dict(component)
    if not kept.get("id"):
        kept["id"] = next(free)
    if "components" in kept:
        kept["components"] = [_number(item, free) for item in as_objects(kept["components"])]
    for key in ("component", "accessory"):
        if key in kept:
            kept[key] = _number(as_object(kept[key]), free)
    return kept
