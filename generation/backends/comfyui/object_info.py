"""What a ComfyUI server says of its nodes: which it has, and what their inputs accept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generation.backends.comfyui.graph import Value

_CHOICES = "COMBO"


@dataclass(frozen=True, kw_only=True, slots=True)
class InputInfo:
    """One input. ``kind`` is ComfyUI's: INT, FLOAT, STRING, BOOLEAN, COMBO, or a type to link.

    ``choices`` are those of a COMBO. Numbers are within ``lowest`` … ``highest`` where known.
    """

    kind: str
    choices: tuple[str, ...] = ()
    default: Value | None = None
    lowest: float | None = None
    highest: float | None = None
    step: float | None = None
    is_optional: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeInfo:
    """One class of nodes: its inputs by name."""

    kind: str
    inputs: Mapping[str, InputInfo]


class ObjectInfo:
    """The classes that a server knows, of those that were asked for."""

    def __init__(self, nodes: Mapping[str, NodeInfo]) -> None:
        self._nodes = nodes

    def __contains__(self, kind: str) -> bool:
        return kind in self._nodes

    def input(self, kind: str, name: str) -> InputInfo | None:
        """What that input accepts, None where the server has no such node or input."""
        node = self._nodes.get(kind)
        return node.inputs.get(name) if node is not None else None

    def choices(self, kind: str, name: str) -> tuple[str, ...]:
        """What may be chosen there; empty where it is no choice."""
        found = self.input(kind, name)
        return found.choices if found is not None else ()


def read_node(kind: str, reply: Mapping[str, object]) -> NodeInfo | None:
    """The answer to ``GET /object_info/{kind}``: ``{}`` is how a server says it has none."""
    described = reply.get(kind)
    if not isinstance(described, dict):
        return None
    groups = described.get("input")
    inputs: dict[str, InputInfo] = {}
    for group in ("required", "optional"):
        members = groups.get(group) if isinstance(groups, dict) else None
        for name, written in members.items() if isinstance(members, dict) else ():
            found = _input(written, is_optional=group == "optional")
            if found is not None:
                inputs[str(name)] = found
    return NodeInfo(kind=kind, inputs=inputs)


def _input(written: object, *, is_optional: bool) -> InputInfo | None:
    """``[type, settings]``; a choice is a list in place of the type, or in the settings."""
    if not isinstance(written, list) or not written:
        return None
    kind = written[0]
    settings = written[1] if len(written) > 1 and isinstance(written[1], dict) else {}
    choices = kind if isinstance(kind, list) else settings.get("options")
    if isinstance(kind, list):
        kind = _CHOICES
    if not isinstance(kind, str):
        return None
    listed = choices if kind == _CHOICES and isinstance(choices, list) else []
    return InputInfo(
        kind=kind,
        choices=tuple(choice for choice in listed if isinstance(choice, str)),
        default=_value(settings.get("default")),
        lowest=_number(settings.get("min")),
        highest=_number(settings.get("max")),
        step=_number(settings.get("step")),
        is_optional=is_optional,
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _value(value: object) -> Value | None:
    return value if isinstance(value, str | int | float | bool) else None
