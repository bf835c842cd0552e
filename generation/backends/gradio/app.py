"""A Gradio app by its own description: how it is spoken to, its functions and their inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from generation.backends.remote import values
from generation.errors import BadReply

_DIFFS_FROM = 2.0


class Kind(StrEnum):
    """What a component holds, as far as it matters to us."""

    TEXT = "text"
    NUMBER = "number"
    SWITCH = "switch"
    CHOICE = "choice"
    PICTURE = "picture"
    SKETCH = "sketch"
    """A picture with a mask painted over it, as Gradio 3 has it."""
    EDITOR = "editor"
    """The same in layers, from Gradio 4 on."""
    PICTURES = "pictures"
    STATE = "state"
    OTHER = "other"


_KINDS = {
    "textbox": Kind.TEXT,
    "text": Kind.TEXT,
    "textarea": Kind.TEXT,
    "markdown": Kind.OTHER,
    "slider": Kind.NUMBER,
    "number": Kind.NUMBER,
    "checkbox": Kind.SWITCH,
    "dropdown": Kind.CHOICE,
    "radio": Kind.CHOICE,
    "image": Kind.PICTURE,
    "imageeditor": Kind.EDITOR,
    "imagemask": Kind.EDITOR,
    "paint": Kind.EDITOR,
    "gallery": Kind.PICTURES,
    "state": Kind.STATE,
}

Scalar = bool | int | float | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What may be chosen: the words shown, and the value that is sent for them."""

    title: str
    value: Scalar


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """An input or output. ``name`` is its function's parameter, "" before Gradio 4.23.

    ``default`` is what is sent when nothing is asked for. Numbers are ``lowest`` … ``highest`` in
    steps of ``step`` from the lowest, each None where it is not bounded.
    """

    kind: Kind
    type: str
    label: str = ""
    hint: str = ""
    name: str = ""
    default: object = field(default=None, repr=False)
    lowest: float | None = None
    highest: float | None = None
    step: float | None = None
    choices: tuple[Choice, ...] = ()
    is_visible: bool = True

    @property
    def title(self) -> str:
        """What to call it before people."""
        return self.label or self.name or self.type

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers make sense."""
        edges = (self.lowest, self.highest, self.step)
        bounded = [edge for edge in edges if edge is not None]
        return self.step is not None and all(float(edge).is_integer() for edge in bounded)


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A function of the app. ``number`` is what the wire calls it by; some have no ``name``.

    One that ``yields`` gives pictures on its way, and can be stopped between them.
    """

    number: int
    name: str
    inputs: tuple[Component, ...]
    outputs: tuple[Component, ...]
    is_queued: bool = True
    yields: bool = False

    @property
    def title(self) -> str:
        """What to call it before people."""
        return self.name or f"#{self.number}"

    @property
    def draws(self) -> bool:
        """Whether pictures come out of it."""
        return any(output.kind in {Kind.PICTURE, Kind.PICTURES} for output in self.outputs)


@dataclass(frozen=True, kw_only=True, slots=True)
class App:
    """What ``/config`` and ``/info`` say. ``protocol`` is ws, sse, or sse_v1 to sse_v3.

    ``prefix`` stands before every path but ``/config`` and ``/login``: /gradio_api from 5.0 on.
    """

    version: str
    title: str
    protocol: str
    prefix: str
    endpoints: tuple[Endpoint, ...]

    @property
    def major(self) -> int:
        """The first number of its version, 0 where it has none."""
        return self._release()[0]

    @property
    def has_cancel(self) -> bool:
        """Whether jobs are stopped by /cancel, from 4.31 on, and not by /reset."""
        return self._release() >= (4, 31)

    @property
    def sends_changes(self) -> bool:
        """Whether it streams what changed and not the whole: from sse_v2 on."""
        found = re.search(r"v(\d+(?:\.\d+)?)", self.protocol)
        return found is not None and float(found[1]) >= _DIFFS_FROM

    @property
    def breaks_with_pydantic_2(self) -> bool:
        """Whether it is older than 3.36.1, the first that bears Pydantic 2."""
        numbers = [int(part) for part in re.findall(r"\d+", self.version)[:3]]
        return bool(numbers) and tuple(numbers) < (3, 36, 1)

    def _release(self) -> tuple[int, int]:
        numbers = [int(part) for part in re.findall(r"\d+", self.version)[:2]]
        return (numbers[0], numbers[1]) if len(numbers) > 1 else (0, 0)


def kind_of(type_: str) -> Kind:
    """What a component of that type, in lower case, holds."""
    return _KINDS.get(type_, Kind.OTHER)


def is_app(config: object) -> bool:
    """Whether it is a Gradio app's configuration."""
    return isinstance(config, dict) and isinstance(config.get("dependencies"), list)


def read_app(config: object, info: object = None) -> App:
    """The app of a ``/config`` and, where it has parameters' names, its ``/info``.

    Raises ``BadReply`` for what is no app. Functions closed to programs are left out, and so is
    whatever runs in the browser.
    """
    if not is_app(config):
        raise BadReply(detail="that is no configuration of a Gradio app")
    fields = values.mapping(config, "configuration")
    components = {
        part.get("id"): _component(part)
        for part in values.mappings(fields.get("components"), "components")
    }
    protocol = values.field_text(fields, "protocol") or "ws"
    # Gradio 3 has no queue unless its owner wants one; later ones always have.
    queued = protocol != "ws" or fields.get("enable_queue") is True
    endpoints = [
        _endpoint(place, dependency, components, queued)
        for place, dependency in enumerate(values.items(fields["dependencies"], "functions"))
        if isinstance(dependency, dict) and _is_open(dependency)
    ]
    names = _names(info)
    return App(
        version=values.field_text(fields, "version").strip(),
        title=values.field_text(fields, "title").strip(),
        protocol=protocol,
        prefix=_prefix(fields),
        endpoints=tuple(_named(endpoint, names.get(endpoint.name, ())) for endpoint in endpoints),
    )


def _prefix(config: Mapping[str, object]) -> str:
    written = config.get("api_prefix")
    if not isinstance(written, str) or not re.fullmatch(r"(/[\w.-]+)*/?", written):
        return ""
    return written.rstrip("/")


def _is_open(dependency: Mapping[str, object]) -> bool:
    """Whether its owner lets programs call it, and there is something to call."""
    return (
        dependency.get("backend_fn") is not False
        and dependency.get("api_name") is not False
        and dependency.get("api_visibility") != "private"
    )


def _endpoint(
    place: int,
    dependency: Mapping[str, object],
    components: Mapping[object, Component],
    queued: bool,
) -> Endpoint:
    number = dependency.get("id")
    name = dependency.get("api_name")
    types = dependency.get("types")

    def parts(key: str) -> tuple[Component, ...]:
        found = dependency.get(key)
        ids = found if isinstance(found, list) else []
        unknown = Component(kind=Kind.OTHER, type="unknown")
        return tuple(components.get(_id(each), unknown) for each in ids)

    return Endpoint(
        number=number if isinstance(number, int) else place,
        name=name.strip("/") if isinstance(name, str) else "",
        inputs=parts("inputs"),
        outputs=parts("outputs"),
        is_queued=queued and dependency.get("queue") is not False,
        yields=isinstance(types, dict) and types.get("generator") is True,
    )


def _id(written: object) -> object:
    """A component's id; 5.x writes some as [id, property]."""
    return written[0] if isinstance(written, list) and written else written


def _component(part: Mapping[str, object]) -> Component:
    found = part.get("props")
    props: Mapping[str, object] = found if isinstance(found, dict) else {}
    written = part.get("type")
    type_ = written.lower() if isinstance(written, str) else ""
    kind = kind_of(type_)
    if kind is Kind.PICTURE and props.get("tool") == "sketch":
        kind = Kind.SKETCH
    if kind is Kind.CHOICE and (props.get("multiselect") or not props.get("choices")):
        kind = Kind.OTHER
    component = Component(
        kind=kind,
        type=type_,
        label=_text(props.get("label")),
        hint=_text(props.get("placeholder")) or _text(props.get("info")),
        lowest=_number(props.get("minimum")),
        highest=_number(props.get("maximum")),
        step=_step(type_, props),
        choices=_choices(props.get("choices")) if kind is Kind.CHOICE else (),
        is_visible=props.get("visible") is not False,
    )
    return replace(component, default=_default(component, props.get("value")))


def _step(type_: str, props: Mapping[str, object]) -> float | None:
    """A slider's step; a number field is whole only where its precision says so.

    Number fields have a step of 1 whatever they hold.
    """
    if type_ == "number":
        return 1.0 if props.get("precision") == 0 else None
    step = _number(props.get("step"))
    return step if step is not None and step > 0 else None


def _default(component: Component, value: object) -> object:
    """What to send when nothing is asked: from 5.50 on an input without a value is refused."""
    match component.kind:
        case Kind.NUMBER:
            number = _number(value)
            return number if number is not None else component.lowest or 0
        case Kind.SWITCH:
            return value is True
        case Kind.TEXT:
            return _text(value)
        case Kind.STATE | Kind.PICTURES:
            return None  # a state's value is kept by the app itself
        case _:
            return value


def _choices(written: object) -> tuple[Choice, ...]:
    """Choices are values, or from 3.41 on pairs of words and value."""
    choices = []
    for each in written if isinstance(written, list) else ():
        pair = each if isinstance(each, list) and len(each) == 2 else [each, each]
        if isinstance(pair[1], bool | int | float | str):
            choices.append(Choice(title=str(pair[0]), value=pair[1]))
    return tuple(choices)


def _names(info: object) -> dict[str, Sequence[str]]:
    """Parameters' names by endpoint, in the order of the inputs that /info lists."""
    named = info.get("named_endpoints") if isinstance(info, dict) else None
    found: dict[str, Sequence[str]] = {}
    for endpoint, description in named.items() if isinstance(named, dict) else ():
        parameters = description.get("parameters") if isinstance(description, dict) else None
        if isinstance(parameters, list):
            found[str(endpoint).strip("/")] = [
                _text(each.get("parameter_name")) if isinstance(each, dict) else ""
                for each in parameters
            ]
    return found


def _named(endpoint: Endpoint, names: Sequence[str]) -> Endpoint:
    """The endpoint with its parameters' names; /info leaves states out."""
    listed = [place for place, each in enumerate(endpoint.inputs) if each.kind is not Kind.STATE]
    if len(listed) != len(names):
        return endpoint
    by_place = dict(zip(listed, names, strict=True))
    inputs = tuple(
        replace(component, name=by_place.get(place, ""))
        for place, component in enumerate(endpoint.inputs)
    )
    return replace(endpoint, inputs=inputs)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
