"""A model as members see it, from the graphs that draw with it and what their server accepts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from generation.backends.base import LoraInfo, ModelInfo, OptionInfo, OptionKind
from generation.backends.comfyui.graph import Graph
from generation.backends.comfyui.mapping import MappedOption, Role
from generation.backends.comfyui.object_info import ObjectInfo
from generation.backends.comfyui.workflow import Workflow
from generation.infotext import read_sampler
from generation.types import Task

_USUAL_SIDE = 1024
_MOST_SIDE = 2048
_LEAST_SIDE = 64
_MOST_STEPS = 150
_USUAL_STRENGTH = 0.6
_OWN = "As in the workflow"
_KINDS = {
    "INT": OptionKind.WHOLE,
    "FLOAT": OptionKind.NUMBER,
    "STRING": OptionKind.TEXT,
    "BOOLEAN": OptionKind.SWITCH,
    "COMBO": OptionKind.CHOICE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """The server's names of samplers, schedules and LoRAs, by those that members see.

    A name is "" where the workflow decides by itself.
    """

    samplers: Mapping[str, str]
    schedulers: Mapping[str, str]
    loras: Mapping[str, str]


def base_of(workflows: Mapping[Task, Workflow]) -> Workflow:
    """The workflow whose values are a model's defaults."""
    return workflows.get(Task.TXT2IMG) or next(iter(workflows.values()))


def describe(
    name: str, title: str, workflows: Mapping[Task, Workflow], names: Names, server: ObjectInfo
) -> ModelInfo:
    """The model of that name; what its workflows do not all take is not offered."""
    base = base_of(workflows)
    multiple, longest = _sides(base, server)
    steps = _number(base, Role.STEPS)
    everywhere = set.intersection(*(set(each.map.roles) for each in workflows.values()))
    edit = workflows.get(Task.EDIT)
    return ModelInfo(
        name=name,
        title=title,
        width=_side(base, Role.WIDTH, multiple, longest),
        height=_side(base, Role.HEIGHT, multiple, longest),
        steps=int(steps or 1),
        # Where the graph alone decides how many there are, no other number is offered.
        max_steps=max(_MOST_STEPS, int(steps)) if steps is not None else 1,
        guidance_scale=_number(base, Role.GUIDANCE_SCALE) or 1.0,
        uses_guidance=Role.GUIDANCE_SCALE in everywhere,
        uses_negative_prompt=Role.NEGATIVE_PROMPT in everywhere,
        sampler=_default(base, Role.SAMPLER, names.samplers),
        scheduler=_default(base, Role.SCHEDULER, names.schedulers),
        samplers=tuple(names.samplers),
        schedulers=tuple(names.schedulers),
        tasks=frozenset(workflows),
        strength=_strength(workflows),
        multiple_of=multiple,
        max_side=longest,
        loras=tuple(LoraInfo(name=lora) for lora in names.loras),
        max_references=len(edit.map.places(Role.IMAGE)) if edit is not None else 0,
        options=_options(workflows, server),
    )


def names_of(base: Workflow, role: Role, server: ObjectInfo) -> dict[str, str]:
    """The server's samplers or schedules, by the names that members know from elsewhere.

    Where several of them have the same name there, the first one has it.
    """
    shown: dict[str, str] = {}
    for place in base.map.places(role)[:1]:
        for name in server.choices(base.graph.kind(place.node), place.input):
            shown.setdefault(_display(role, name), name)
    return shown or {_OWN: ""}


def _display(role: Role, name: str) -> str:
    if role is Role.SAMPLER:
        return read_sampler(name).sampler or name
    return read_sampler(None, name).schedule or name


def _default(base: Workflow, role: Role, names: Mapping[str, str]) -> str:
    """What the graph has, else the first of the server's."""
    for place in base.map.places(role)[:1]:
        shown = _display(role, str(base.graph.value(place)))
        if shown in names:
            return shown
    return next(iter(names))


def _sides(base: Workflow, server: ObjectInfo) -> tuple[int, int]:
    """What sides are a multiple of, and how long one may be."""
    multiple, longest = 8, float(_MOST_SIDE)
    for place in base.map.places(Role.WIDTH)[:1]:
        found = server.input(base.graph.kind(place.node), place.input)
        if found is not None:
            multiple = max(multiple, int(found.step or 0))
            longest = min(longest, found.highest or longest)
    longest = base.max_side or longest
    return multiple, int(longest) // multiple * multiple


def _side(base: Workflow, role: Role, multiple: int, longest: int) -> int:
    side = int(_number(base, role) or _USUAL_SIDE)
    least = -(-_LEAST_SIDE // multiple) * multiple
    return max(least, min(side // multiple * multiple, longest))


def _options(workflows: Mapping[Task, Workflow], server: ObjectInfo) -> tuple[OptionInfo, ...]:
    """The options of all workflows, each for the tasks that have it; the first describes it."""
    first: dict[str, tuple[MappedOption, Graph]] = {}
    tasks: dict[str, set[Task]] = {}
    for task, workflow in workflows.items():
        for option in workflow.map.options:
            first.setdefault(option.name, (option, workflow.graph))
            tasks.setdefault(option.name, set()).add(task)
    return tuple(
        _option(option, graph, frozenset(tasks[name]), server)
        for name, (option, graph) in first.items()
    )


def _option(
    option: MappedOption, graph: Graph, tasks: frozenset[Task], server: ObjectInfo
) -> OptionInfo:
    found = server.input(graph.kind(option.place.node), option.place.input)
    return OptionInfo(
        name=option.name,
        title=option.title or option.name.replace("_", " ").capitalize(),
        kind=_KINDS.get(found.kind if found is not None else "", OptionKind.TEXT),
        default=graph.value(option.place),
        lowest=found.lowest if found is not None else None,
        highest=found.highest if found is not None else None,
        choices=found.choices if found is not None else (),
        tasks=tasks,
    )


def _strength(workflows: Mapping[Task, Workflow]) -> float:
    start = workflows.get(Task.IMG2IMG)
    found = _number(start, Role.STRENGTH) if start is not None else None
    return found if found is not None and 0 < found <= 1 else _USUAL_STRENGTH


def _number(workflow: Workflow, role: Role) -> float | None:
    values: Iterable[object] = (workflow.graph.value(each) for each in workflow.map.places(role))
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None
