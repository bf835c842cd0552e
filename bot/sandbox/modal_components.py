"""The components of forms: what Discord accepts, and the form in which it shows them."""

from __future__ import annotations

from bot.sandbox.component_checker import ComponentChecker, read_bounds, read_options
from bot.sandbox.components import SELECTS, Kind
from bot.sandbox.form import Form
from bot.sandbox.wire import Json, JsonObject

_IN_LABEL = SELECTS | {
    Kind.TEXT_INPUT,
    Kind.FILE_UPLOAD,
    Kind.RADIO_GROUP,
    Kind.CHECKBOX_GROUP,
    Kind.CHECKBOX,
}


def check_modal(form: Form) -> JsonObject:
    """Check the data of a modal and return it as the member's client gets it."""
    checker = _ModalChecker()
    title = form.text("title", low=1, high=45, required=True)
    custom_id = form.text("custom_id", low=1, high=100, required=True)
    children = form.children("components", low=1, high=5, required=True)
    allowed = frozenset({Kind.ACTION_ROW, Kind.LABEL, Kind.TEXT_DISPLAY})
    kept = [checker.modal_child(item, allowed) for item in children]
    components: list[Json] = [*checker.numbered(kept)]
    return {"custom_id": custom_id, "title": title, "components": components}


class _ModalChecker(ComponentChecker):
    def modal_child(self, form: Form, allowed: frozenset[Kind]) -> JsonObject:
        kind = self.kind(form, allowed)
        if kind is None:
            return {}
        wire: JsonObject = {"type": int(kind), "id": self.id(form)}
        if kind in SELECTS:
            return wire | self.select(form, kind) | {"required": _required(form)}
        return wire | {
            Kind.ACTION_ROW: self._modal_row,
            Kind.TEXT_DISPLAY: self.text_display,
            Kind.LABEL: self._label,
            Kind.TEXT_INPUT: self._text_input,
            Kind.FILE_UPLOAD: self._file_upload,
            Kind.RADIO_GROUP: self._radio_group,
            Kind.CHECKBOX_GROUP: self._checkbox_group,
            Kind.CHECKBOX: self._checkbox,
        }[kind](form)

    def _modal_row(self, form: Form) -> JsonObject:
        children = form.children("components", low=1, high=1, required=True)
        kept: list[Json] = []
        for item in children:
            label = item.text("label", low=1, high=45, required=True)
            kept.append(self.modal_child(item, frozenset({Kind.TEXT_INPUT})) | {"label": label})
        return {"components": kept}

    def _label(self, form: Form) -> JsonObject:
        wire: JsonObject = {"label": form.text("label", low=1, high=45, required=True)}
        description = form.text("description", high=100)
        if description:
            wire["description"] = description
        inner = form.child("component")
        if inner is None:
            form.fail("component", "BASE_TYPE_REQUIRED", "This field is required")
            return wire
        return wire | {"component": self.modal_child(inner, frozenset(_IN_LABEL))}

    def _text_input(self, form: Form) -> JsonObject:
        low = form.integer("min_length", low=0, high=4000) or 0
        high = form.integer("max_length", low=1, high=4000) or 4000
        if low > high:
            form.fail(
                "min_length",
                "TEXT_INPUT_COMPONENT_BAD_LENGTHS",
                "min_length cannot be greater than max_length",
            )
        value = form.text("value", high=4000)
        if value and not low <= len(value) <= high:
            form.fail(
                "value", "BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length."
            )
        wire: JsonObject = {
            "custom_id": self.custom_id(form),
            "style": form.one_of("style", frozenset({1, 2}), required=True),
            "min_length": low,
            "max_length": high,
            "required": _required(form),
        }
        if value:
            wire["value"] = value
        placeholder = form.text("placeholder", high=100)
        return wire | ({"placeholder": placeholder} if placeholder else {})

    def _file_upload(self, form: Form) -> JsonObject:
        low, high = read_bounds(form, most=10)
        wire: JsonObject = {"custom_id": self.custom_id(form), "min_values": low}
        return wire | {"max_values": high, "required": _required(form)}

    def _radio_group(self, form: Form) -> JsonObject:
        wire: JsonObject = {"custom_id": self.custom_id(form), "required": _required(form)}
        return wire | {"options": [*read_options(form, low=2, high=10)]}

    def _checkbox_group(self, form: Form) -> JsonObject:
        options = read_options(form, low=1, high=10)
        low = form.integer("min_values", low=0, high=10)
        high = form.integer("max_values", low=1, high=10)
        return {
            "custom_id": self.custom_id(form),
            "required": _required(form),
            "options": [*options],
            "min_values": 1 if low is None else low,
            "max_values": high or max(1, len(options)),
        }

    def _checkbox(self, form: Form) -> JsonObject:
        return {"custom_id": self.custom_id(form), "default": form.flag("default")}


def _required(form: Form) -> bool:
    return form.flag("required") if form.has("required") else True
