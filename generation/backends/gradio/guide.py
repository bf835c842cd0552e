"""An app known by its /info alone, which lists functions, parameters and types but no ranges."""

from __future__ import annotations

import re
from collections.abc import Mapping

from generation.backends.gradio.app import App, Choice, Component, Endpoint, Kind, kind_of
from generation.backends.remote import values

_RANGE = re.compile(r"between (-?[\d.]+) and (-?[\d.]+)")


def read_guide(info: object) -> App:
    """The named functions of an /info. Raises ``BadReply`` for what is none."""
    fields = values.mapping(info, "description")
    named = values.mapping(fields.get("named_endpoints"), "functions")
    endpoints = [
        Endpoint(
            number=number,
            name=name.strip("/"),
            inputs=_components(description, "parameters"),
            outputs=_components(description, "returns"),
        )
        for number, (name, description) in enumerate(named.items())
        if isinstance(description, dict)
    ]
    return App(version="", title="", protocol="", prefix="", endpoints=tuple(endpoints))


def _components(description: Mapping[str, object], key: str) -> tuple[Component, ...]:
    found = description.get(key)
    return tuple(
        _component(each) if isinstance(each, dict) else Component(kind=Kind.OTHER, type="unknown")
        for each in (found if isinstance(found, list) else ())
    )


def _component(part: dict[str, object]) -> Component:
    type_ = values.field_text(part, "component").lower()
    found = part.get("type")
    schema: dict[str, object] = found if isinstance(found, dict) else {}
    span = _RANGE.search(values.field_text(schema, "description"))
    allowed = schema.get("enum")
    choices = tuple(
        Choice(title=str(each), value=each)
        for each in (allowed if isinstance(allowed, list) else ())
        if isinstance(each, bool | int | float | str)
    )
    kind = kind_of(type_)
    if kind is Kind.CHOICE and not choices:
        kind = Kind.OTHER
    return Component(
        kind=kind,
        type=type_,
        label=values.field_text(part, "label"),
        name=values.field_text(part, "parameter_name"),
        default=_default(kind, part.get("parameter_default"), span),
        lowest=float(span[1]) if span else None,
        highest=float(span[2]) if span else None,
        choices=choices,
    )


def _default(kind: Kind, value: object, span: re.Match[str] | None) -> object:
    match kind:
        case Kind.NUMBER if value is None:
            return float(span[1]) if span else 0
        case Kind.TEXT:
            return value if isinstance(value, str) else ""
        case Kind.SWITCH:
            return value is True
        case _:
            return value
