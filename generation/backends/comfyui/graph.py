"""A workflow in ComfyUI's API format, as nodes whose inputs are values or links to other nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

Value = str | int | float | bool
"""What an input is set to where it is not linked."""


class WorkflowError(Exception):
    """A workflow or its mapping cannot be used; the text tells its owner why, and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Place:
    """One input of one node."""

    node: str
    input: str

    def __str__(self) -> str:
        return f"{self.node}.{self.input}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """What is plugged into an input: an output of another node, by number."""

    node: str
    output: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One node: ``kind`` is ComfyUI's ``class_type``, ``title`` what its author wrote over it."""

    id: str
    kind: str
    inputs: Mapping[str, object]
    title: str = ""

    def link(self, name: str) -> Link | None:
        """Where that input comes from, None where it holds a value or nothing."""
        value = self.inputs.get(name)
        if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int):
            return Link(node=str(value[0]), output=value[1])
        return None

    def links(self) -> Iterator[tuple[str, Link]]:
        """Every linked input, in the order of the file."""
        for name in self.inputs:
            link = self.link(name)
            if link is not None:
                yield name, link

    def value(self, name: str) -> Value | None:
        """What that input is set to, None where it is linked or absent."""
        value = self.inputs.get(name)
        return value if isinstance(value, str | int | float | bool) else None


class Graph:
    """The nodes of one workflow. Never changed: ``with_inputs`` makes another."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self.nodes = nodes

    @classmethod
    def read(cls, text: str) -> Graph:
        """Take a file apart. Raises ``WorkflowError``."""
        try:
            document = json.loads(text)
        except ValueError as error:
            raise WorkflowError(f"it is not JSON: {error}") from None
        if isinstance(document, dict) and isinstance(document.get("prompt"), dict):
            document = document["prompt"]  # what a client posts, saved as it is
        if isinstance(document, dict) and isinstance(document.get("nodes"), list):
            raise WorkflowError(
                "it is a workflow as ComfyUI's editor saves it; use Workflow → Export (API) there"
            )
        if not isinstance(document, dict) or not document:
            raise WorkflowError("it holds no nodes; use Workflow → Export (API) in ComfyUI")
        graph = cls({str(key): _node(str(key), item) for key, item in document.items()})
        graph._require_whole()
        return graph

    def kind(self, node: str) -> str:
        """The class of a node, "" where there is none of that id."""
        found = self.nodes.get(node)
        return found.kind if found is not None else ""

    def value(self, place: Place) -> Value | None:
        """What stands at a place, None where it is linked or absent."""
        node = self.nodes.get(place.node)
        return node.value(place.input) if node is not None else None

    def has(self, place: Place) -> bool:
        """Whether the file gives that input, by value or by link."""
        node = self.nodes.get(place.node)
        return node is not None and place.input in node.inputs

    def source(self, node: Node, name: str) -> Node | None:
        """The node that an input comes from."""
        link = node.link(name)
        return self.nodes.get(link.node) if link is not None else None

    def upstream(self, *starts: str) -> tuple[Node, ...]:
        """These nodes and everything they depend on, the nearest first."""
        order: dict[str, Node] = {}
        waiting = list(starts)
        while waiting:
            name = waiting.pop(0)
            if name in order or name not in self.nodes:
                continue
            order[name] = self.nodes[name]
            waiting.extend(link.node for _, link in order[name].links())
        return tuple(order.values())

    def users(self, link: Link) -> tuple[Place, ...]:
        """Every input into which that output is plugged."""
        return tuple(
            Place(node=node.id, input=name)
            for node in self.nodes.values()
            for name, used in node.links()
            if used == link
        )

    def with_inputs(
        self,
        changes: Mapping[Place, Value | Link | None],
        added: tuple[Node, ...] = (),
    ) -> Graph:
        """Another graph with these inputs set, those that are None taken out, and more nodes."""
        nodes = dict(self.nodes) | {node.id: node for node in added}
        for place, value in changes.items():
            node = nodes[place.node]
            inputs = dict(node.inputs)
            if value is None:
                inputs.pop(place.input, None)
            elif isinstance(value, Link):
                inputs[place.input] = [value.node, value.output]
            else:
                inputs[place.input] = value
            nodes[place.node] = Node(id=node.id, kind=node.kind, inputs=inputs, title=node.title)
        return Graph(nodes)

    def prompt(self) -> dict[str, object]:
        """The graph as ``POST /prompt`` takes it."""
        return {
            node.id: {"class_type": node.kind, "inputs": dict(node.inputs)}
            for node in self.nodes.values()
        }

    def _require_whole(self) -> None:
        for node in self.nodes.values():
            for name, link in node.links():
                if link.node not in self.nodes:
                    raise WorkflowError(
                        f"its node {node.id} takes {name} from node {link.node}, which is missing; "
                        "export it again"
                    )


def _node(name: str, item: object) -> Node:
    if not isinstance(item, dict) or not isinstance(item.get("class_type"), str):
        raise WorkflowError(
            f"its node {name} has no class_type; use Workflow → Export (API) in ComfyUI"
        )
    inputs = item.get("inputs")
    meta = item.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return Node(
        id=name,
        kind=cast("str", item["class_type"]),
        inputs=inputs if isinstance(inputs, dict) else {},
        title=title if isinstance(title, str) else "",
    )
