"""What members are offered: the workflows that a server can run, each with the models it has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from generation.backends.base import ModelInfo, ToolInfo
from generation.backends.comfyui.description import Names, base_of, describe, names_of
from generation.backends.comfyui.graph import Place
from generation.backends.comfyui.guess import lora_seat
from generation.backends.comfyui.mapping import Role
from generation.backends.comfyui.object_info import ObjectInfo
from generation.backends.comfyui.workflow import Workflow, matching
from generation.types import Task

LORA_NODE, LORA_INPUT = "LoraLoader", "lora_name"

_FACTOR = re.compile(r"(?<!\d)([248])x(?![a-z])|(?<![a-z])x([248])(?!\d)", re.IGNORECASE)
"""4x-UltraSharp, RealESRGAN_x4plus: what upscalers' names say of their factor."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A model as members choose it, and how it is drawn: its file, and a workflow for each task.

    Without a ``file`` the graphs name it. ``settings`` are the server's files for other inputs, by
    the workflow's name.
    """

    info: ModelInfo
    names: Names
    workflows: Mapping[Task, Workflow]
    file: str | None = None
    settings: Mapping[str, Mapping[Place, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """An upscaler as members choose it: a workflow, and the file of its model."""

    info: ToolInfo
    workflow: Workflow
    file: str | None = None
    settings: Mapping[Place, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Menu:
    """Offers and tools by their names, and sentences for the operator about what is missing."""

    offers: Mapping[str, Offer]
    tools: Mapping[str, Tool] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def needed_kinds(workflows: Iterable[Workflow]) -> frozenset[str]:
    """The classes of nodes that a server is to be asked about."""
    kinds = {node.kind for workflow in workflows for node in workflow.graph.nodes.values()}
    return frozenset(kinds | {LORA_NODE})


def make_menu(workflows: Iterable[Workflow], server: ObjectInfo) -> Menu:
    """What can be offered: the workflows of one family are one model for each of its files.

    Models that draw from a prompt alone come first, for the first one is the default.
    """
    notes: list[str] = []
    usable: list[Workflow] = []
    for workflow in workflows:
        lack = _lack(workflow, server)
        if lack is None:
            usable.append(workflow)
        else:
            notes.append(f"{workflow.name}: {lack}")
    tools = {
        tool.info.name: tool
        for workflow in usable
        if workflow.task is Task.UPSCALE
        for tool in _tools(workflow, server)
    }
    usable = [workflow for workflow in usable if workflow.task is not Task.UPSCALE]
    offers: dict[str, Offer] = {}
    for family, members in groupby(sorted(usable, key=_family), _family):
        for offer in _family_offers(family, tuple(members), server, offers):
            offers[offer.info.name] = offer
    ordered = sorted(offers.values(), key=lambda offer: Task.TXT2IMG not in offer.workflows)
    by_name = {offer.info.name: offer for offer in ordered}
    return Menu(offers=by_name, tools=tools, notes=tuple(notes))


def _family(workflow: Workflow) -> str:
    return workflow.family


def _lack(workflow: Workflow, server: ObjectInfo) -> str | None:
    """What the server would need for a workflow; None where it can run it."""
    missing = sorted(
        {node.kind for node in workflow.graph.nodes.values() if node.kind not in server}
    )
    if missing:
        return f"the server has no node {', '.join(missing)}; install it there, and restart it"
    if workflow.map.places(Role.MODEL) and not _files(workflow, server):
        wanted = ", ".join(workflow.models) or workflow.default_model()
        return f"the server has no model {wanted}"
    for place, patterns in workflow.files:
        if _setting(workflow, place, patterns, server) is None:
            return f"the server has no file {' or '.join(patterns)} for {place}"
    return None


def _files(workflow: Workflow, server: ObjectInfo) -> tuple[str, ...]:
    """The server's files that may be put into a workflow as its model."""
    places = workflow.map.places(Role.MODEL)
    if not places:
        return ()
    have = server.choices(workflow.graph.kind(places[0].node), places[0].input)
    if workflow.models:
        return matching(have, workflow.models)
    return tuple(name for name in have if name == workflow.default_model())


def _setting(
    workflow: Workflow, place: Place, patterns: tuple[str, ...], server: ObjectInfo
) -> str | None:
    """The server's file for an input; None where nothing fits."""
    found = matching(server.choices(workflow.graph.kind(place.node), place.input), patterns)
    return found[0] if found else None


def _family_offers(
    family: str, members: tuple[Workflow, ...], server: ObjectInfo, taken: Mapping[str, Offer]
) -> Iterator[Offer]:
    """One offer for each file of a family; the family itself where its file is not to choose."""
    title = members[0].title
    if not any(member.models for member in members):
        yield _offer(family, title, None, members, server)
        return
    for file in dict.fromkeys(name for member in members for name in _files(member, server)):
        able = tuple(member for member in members if file in _files(member, server))
        stem = _stem(file)
        name = stem if stem not in taken else f"{stem} ({family})"
        yield _offer(name, f"{stem} ({title})", file, able, server)


def _offer(
    name: str, title: str, file: str | None, members: tuple[Workflow, ...], server: ObjectInfo
) -> Offer:
    workflows = {member.task: member for member in reversed(members)}
    base = base_of(workflows)
    names = Names(
        samplers=names_of(base, Role.SAMPLER, server),
        schedulers=names_of(base, Role.SCHEDULER, server),
        loras=_loras(members, server),
    )
    return Offer(
        info=describe(name, title, workflows, names, server),
        names=names,
        workflows=workflows,
        file=file,
        settings={member.name: _settings(member, server) for member in members},
    )


def _tools(workflow: Workflow, server: ObjectInfo) -> Iterator[Tool]:
    """A tool for each of the server's files; one by the family's name where none is to choose."""
    files = _files(workflow, server) if workflow.models else (None,)
    for file in files:
        name = workflow.family if file is None else _stem(file)
        factor = _FACTOR.search(name)
        info = ToolInfo(
            name=name,
            title=workflow.title if file is None else name,
            task=Task.UPSCALE,
            factor=float(next(filter(None, factor.groups()))) if factor else None,
        )
        settings = _settings(workflow, server)
        yield Tool(info=info, workflow=workflow, file=file, settings=settings)


def _loras(members: tuple[Workflow, ...], server: ObjectInfo) -> dict[str, str]:
    """The server's LoRAs where every graph has a seat for them; no server says their kind."""
    if not all(lora_seat(member.graph, member.map) for member in members):
        return {}
    loras: dict[str, str] = {}
    for file in server.choices(LORA_NODE, LORA_INPUT):
        loras.setdefault(_stem(file), file)
    return loras


def _settings(member: Workflow, server: ObjectInfo) -> dict[Place, str]:
    found = ((place, _setting(member, place, patterns, server)) for place, patterns in member.files)
    return {place: file for place, file in found if file is not None}


def _stem(file: str) -> str:
    """A file's name without folders and ending."""
    name = file.replace("\\", "/").rpartition("/")[2]
    stem, dot, _ending = name.rpartition(".")
    return stem if dot else name
