"""A workflow filled in for one job: its parameters, its pictures, its LoRAs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from generation.backends.comfyui.graph import Graph, Link, Node, Place, Value
from generation.backends.comfyui.guess import lora_seat
from generation.backends.comfyui.mapping import Role, RoleMap
from generation.backends.comfyui.object_info import ObjectInfo
from generation.backends.comfyui.offers import LORA_INPUT, LORA_NODE, Offer, Tool
from generation.backends.comfyui.workflow import Workflow
from generation.errors import Unavailable
from generation.types import Lora, Params, Task

_FROM_A_PICTURE = frozenset({Task.IMG2IMG, Task.INPAINT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Uploads:
    """A job's pictures by the names that the server gave them."""

    pictures: tuple[str, ...] = ()
    mask: str | None = None


def fill(
    offer: Offer, params: Params, uploads: Uploads, *, seed: int, count: int, server: ObjectInfo
) -> Graph:
    """The graph that draws ``count`` pictures, the first of them with that seed.

    Raises ``Unavailable`` for what the server does not have: it may have been taken away since.
    """
    workflow = offer.workflows.get(params.task)
    if workflow is None:
        raise Unavailable(detail=f"{params.model} has no workflow for {params.task.value}")
    changes: dict[Place, Value | Link | None] = {**offer.settings.get(workflow.name, {})}
    for role, value in _values(offer, params, seed=seed, count=count):
        changes |= dict.fromkeys(workflow.map.places(role), value)
    for option in workflow.map.options:
        for setting in params.options:
            if setting.name == option.name:
                changes[option.place] = setting.value
    changes |= _pictures(workflow, uploads, server)
    graph = workflow.graph.with_inputs(changes)
    return _with_loras(graph, workflow.map, _files(params.loras, offer.names.loras))


def fill_tool(tool: Tool, picture: str, size: tuple[int, int]) -> Graph:
    """The graph that enlarges that picture to a width and height, where it can be told those."""
    values: dict[Role, Value] = {
        Role.IMAGE: picture,
        Role.WIDTH: size[0],
        Role.HEIGHT: size[1],
    }
    if tool.file is not None:
        values[Role.MODEL] = tool.file
    changes: dict[Place, Value | Link | None] = {**tool.settings}
    for role, value in values.items():
        changes |= dict.fromkeys(tool.workflow.map.places(role), value)
    return tool.workflow.graph.with_inputs(changes)


def takes_alpha(workflow: Workflow) -> bool:
    """Whether the mask is read from the transparent parts of a picture."""
    return any(
        workflow.graph.kind(place.node) == "LoadImage"
        and workflow.graph.users(Link(node=place.node, output=1))
        for place in workflow.map.places(Role.MASK)
    )


def _values(offer: Offer, params: Params, *, seed: int, count: int) -> Iterable[tuple[Role, Value]]:
    """What each role is set to. An absent role is a thing that the graph decides."""
    yield Role.PROMPT, params.prompt
    yield Role.NEGATIVE_PROMPT, params.negative_prompt
    yield Role.SEED, seed
    yield Role.WIDTH, params.width
    yield Role.HEIGHT, params.height
    yield Role.STEPS, params.steps
    yield Role.GUIDANCE_SCALE, params.guidance_scale
    yield Role.COUNT, count
    if params.task in _FROM_A_PICTURE:
        yield Role.STRENGTH, params.strength
    if sampler := _named(offer.names.samplers, params.sampler, "sampler"):
        yield Role.SAMPLER, sampler
    if scheduler := _named(offer.names.schedulers, params.scheduler, "schedule"):
        yield Role.SCHEDULER, scheduler
    if offer.file is not None:
        yield Role.MODEL, offer.file


def _named(names: Mapping[str, str], shown: str, what: str) -> str:
    if shown not in names:
        raise Unavailable(detail=f"the server has no {what} {shown}")
    return names[shown]


def _pictures(
    workflow: Workflow, uploads: Uploads, server: ObjectInfo
) -> dict[Place, Value | Link | None]:
    """The pictures in their places. Where fewer came, the rest is unplugged, or shows the last."""
    graph, changes = workflow.graph, dict[Place, Value | Link | None]()
    for index, place in enumerate(workflow.map.places(Role.IMAGE)):
        if index < len(uploads.pictures):
            changes[place] = uploads.pictures[index]
        elif uploads.pictures:
            changes[place] = uploads.pictures[-1]
            for user in graph.users(Link(node=place.node, output=0)):
                found = server.input(graph.kind(user.node), user.input)
                if found is not None and found.is_optional:
                    changes[user] = None
    for place in workflow.map.places(Role.MASK):
        if uploads.mask is not None:
            changes[place] = uploads.mask
        if graph.has(channel := Place(node=place.node, input="channel")):
            changes[channel] = "red"  # the mask that is sent is grey, without transparent parts
    return changes


def _files(loras: tuple[Lora, ...], files: Mapping[str, str]) -> tuple[tuple[str, float], ...]:
    for lora in loras:
        if lora.name not in files:
            raise Unavailable(detail=f"the server has no LoRA {lora.name}")
    return tuple((files[lora.name], lora.weight) for lora in loras)


def _with_loras(graph: Graph, role_map: RoleMap, loras: tuple[tuple[str, float], ...]) -> Graph:
    """The graph with a chain of LoRA nodes between the loaders and everything that uses them."""
    seat = lora_seat(graph, role_map)
    if not loras or seat is None:
        return graph
    model, clip = seat
    nodes: list[Node] = []
    last_model, last_clip = model, clip
    for index, (file, weight) in enumerate(loras):
        name = _free(f"lora-{index + 1}", graph)
        nodes.append(
            Node(
                id=name,
                kind=LORA_NODE,
                inputs={
                    LORA_INPUT: file,
                    "strength_model": weight,
                    "strength_clip": weight,
                    "model": [last_model.node, last_model.output],
                    "clip": [last_clip.node, last_clip.output],
                },
            )
        )
        last_model, last_clip = Link(node=name, output=0), Link(node=name, output=1)
    changes: dict[Place, Value | Link | None] = dict.fromkeys(graph.users(model), last_model)
    changes |= dict.fromkeys(graph.users(clip), last_clip)
    return graph.with_inputs(changes, tuple(nodes))


def _free(name: str, graph: Graph) -> str:
    while name in graph.nodes:
        name += "-"
    return name
