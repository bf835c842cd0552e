"""A member's filled-in form: checks it as Discord's client would and writes what the bot gets."""

from __future__ import annotations

from bot.sandbox.components import SELECTS, Kind
from bot.sandbox.errors import FormErrors
from bot.sandbox.options import AttachUpload
from bot.sandbox.resolved import Resolved
from bot.sandbox.wire import Json, JsonObject, as_int, as_list, as_object, as_objects, as_text
from bot.sandbox.world import World

_WITH_ONE_VALUE = frozenset({Kind.TEXT_INPUT, Kind.RADIO_GROUP, Kind.CHECKBOX})


class ModalReader:
    """Reads fields, by custom_id, against the modal that asked for them."""

    def __init__(
        self, world: World, resolved: Resolved, attach: AttachUpload, fields: JsonObject
    ) -> None:
        self._world = world
        self._resolved = resolved
        self._attach = attach
        self._fields = fields
        self.errors = FormErrors()

    def read(self, modal: JsonObject) -> list[JsonObject]:
        """Return the components of the submission. What is wrong is in `errors`."""
        return [self._component(item) for item in as_objects(modal.get("components"))]

    def _component(self, component: JsonObject) -> JsonObject:
        kind = Kind(as_int(component["type"]))
        wire: JsonObject = {"type": int(kind), "id": component["id"]}
        if kind is Kind.ACTION_ROW:
            inner = as_objects(component["components"])
            return wire | {"components": [self._component(item) for item in inner]}
        if kind is Kind.LABEL:
            return wire | {"component": self._component(as_object(component["component"]))}
        if kind is Kind.TEXT_DISPLAY:
            return wire
        custom_id = as_text(component["custom_id"])
        wire["custom_id"] = custom_id
        given = self._fields.get(custom_id)
        if kind in _WITH_ONE_VALUE:
            return wire | {"value": self._value(kind, component, given)}
        return wire | {"values": self._values(kind, component, given)}

    def _value(self, kind: Kind, component: JsonObject, given: Json) -> Json:
        if kind is Kind.CHECKBOX:
            return given is True if given is not None else component.get("default") is True
        if kind is Kind.RADIO_GROUP:
            options = as_objects(component["options"])
            chosen = given if given is not None else _defaults(options, one=True)
            if chosen is None and component["required"] is True:
                self._fail(component, "This field is required.")
            elif chosen is not None and chosen not in [option["value"] for option in options]:
                self._fail(component, "Choose one of the options.")
            return chosen
        text = as_text(component.get("value")) if given is None else as_text(given)
        low, high = as_int(component["min_length"]), as_int(component["max_length"])
        if not text and component["required"] is True:
            self._fail(component, "This field is required.")
        elif text and not low <= len(text) <= high:
            self._fail(component, f"Must be between {low} and {high} in length.")
        return text

    def _values(self, kind: Kind, component: JsonObject, given: Json) -> list[Json]:
        values = as_list(given)
        options = as_objects(component.get("options"))
        if given is None and options:
            values = as_list(_defaults(options, one=False))
        low, high = as_int(component["min_values"]), as_int(component["max_values"])
        optional = component.get("required") is False
        if not (low <= len(values) <= high or (optional and not values)):
            self._fail(component, f"Choose between {low} and {high}.")
        if options and any(value not in [item["value"] for item in options] for value in values):
            self._fail(component, "Choose among the options.")
        if kind is Kind.FILE_UPLOAD:
            return [self._file(component, value) for value in values]
        if kind in SELECTS - {Kind.STRING_SELECT}:
            resolve_choices(self._world, self._resolved, values)
        return values

    def _file(self, component: JsonObject, value: Json) -> Json:
        attachment = self._attach(value)
        if attachment is None:
            self._fail(component, "This field takes files.")
            return value
        self._resolved.add_attachment(attachment)
        return attachment.id

    def _fail(self, component: JsonObject, message: str) -> None:
        custom_id = as_text(component["custom_id"])
        self.errors.add(("fields", custom_id), "MODAL_FIELD_INVALID", message)


def resolve_choices(world: World, resolved: Resolved, values: list[Json]) -> None:
    """Add the users, channels and roles that were chosen in a select."""
    for value in map(str, values):
        if value in world.users:
            resolved.add_user(value)
        elif value in world.channels:
            resolved.add_channel(value)
        else:
            resolved.add_role(value)


def _defaults(options: list[JsonObject], *, one: bool) -> Json:
    chosen = [option["value"] for option in options if option.get("default") is True]
    if one:
        return chosen[0] if chosen else None
    return chosen
