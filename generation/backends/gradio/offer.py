"""What members can choose with an app: its inputs' own ranges, choices and defaults."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from generation.backends.base import Capabilities, ModelInfo, OptionInfo, OptionKind
from generation.backends.gradio.app import App, Component, Kind
from generation.backends.gradio.order import AUTOMATIC
from generation.backends.gradio.plan import Plan
from generation.backends.gradio.roles import Role, plain
from generation.types import Params, Task

_UNKNOWN_SIDE = 1024
"""Where an app takes no size, it draws in one of its own; ours is then only a guess."""

_SIDES = (64, 2048)
_SIDE_STEP = 8
_MOST_STEPS = 150
_MOST_GUIDANCE = 30.0
_STEPS, _GUIDANCE, _STRENGTH = 20, 7.0, 0.6
_ONE_BY_ONE = 4
_MOST_AT_ONCE = 10
_MOST_REFERENCES = 4
_LONGEST_NAME = 60
_KINDS = {
    Kind.SWITCH: OptionKind.SWITCH,
    Kind.CHOICE: OptionKind.CHOICE,
    Kind.TEXT: OptionKind.TEXT,
}

Plans = Mapping[Task, Plan]


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """What every function accepts of a number, with the first one's default."""

    lowest: float
    highest: float
    default: float


def make_offer(app: App, plans: Plans, name: str) -> Capabilities:
    """The app's models, or itself as one: by its title, or by the backend's ``name`` without one.

    A range is what all of its functions accept, and an option counts as used where all use it.
    """
    first = next(iter(plans.values()))
    model = _model(app, plans, name)
    chooser = first.input(Role.MODEL)
    if chooser is None:
        return Capabilities(models=(model,))
    models = [
        replace(model, name=choice.title, title=choice.title, tasks=tasks)
        for choice in chooser.choices
        if (tasks := _tasks_with(choice.title, plans))
    ]
    models.sort(key=lambda each: each.name != _chosen(chooser))
    return Capabilities(models=tuple(models))


def option_places(plan: Plan) -> dict[str, int]:
    """Where the options go, by their names as members write them."""
    places: dict[str, int] = {}
    for place, component in plan.others().items():
        name = _option_name(component)
        if name and name not in places:
            places[name] = place
    return places


def options_for(plan: Plan, params: Params) -> dict[int, object]:
    """The values of the chosen options, by place."""
    places = option_places(plan)
    return {
        places[setting.name]: setting.value for setting in params.options if setting.name in places
    }


def _model(app: App, plans: Plans, name: str) -> ModelInfo:
    width, height = _sides(plans, Role.WIDTH), _sides(plans, Role.HEIGHT)
    has_size = all(Role.WIDTH in p.places and Role.HEIGHT in p.places for p in plans.values())
    steps = _whole_range(plans, Role.STEPS, Range(lowest=1, highest=1, default=1))
    open_guidance = Range(lowest=0, highest=_MOST_GUIDANCE, default=_GUIDANCE)
    guidance = _range(plans, Role.GUIDANCE, open_guidance)
    strength = _range(plans, Role.STRENGTH, Range(lowest=0, highest=1, default=_STRENGTH))
    samplers, schedulers = _choices(plans, Role.SAMPLER), _choices(plans, Role.SCHEDULER)
    side = (
        max(width.lowest, height.lowest),
        min(width.highest, height.highest),
    )
    model = ModelInfo(
        name=_called(app, name),
        title=_called(app, name),
        width=_UNKNOWN_SIDE,
        height=_UNKNOWN_SIDE,
        steps=int(steps.default),
        guidance_scale=guidance.default,
        sampler=samplers[0],
        scheduler=schedulers[0],
        samplers=samplers,
        schedulers=schedulers,
        tasks=frozenset(plans),
        strength=strength.default if 0 < strength.default <= 1 else _STRENGTH,
        multiple_of=_side_step(plans),
        min_side=int(side[0]) if has_size else _UNKNOWN_SIDE,
        max_side=int(side[1]) if has_size else _UNKNOWN_SIDE,
        min_steps=int(steps.lowest),
        max_steps=int(steps.highest),
        min_guidance=guidance.lowest,
        max_guidance=guidance.highest,
        max_count=_max_count(plans),
        uses_negative_prompt=_all_take(plans, Role.NEGATIVE_PROMPT),
        uses_guidance=_all_take(plans, Role.GUIDANCE),
        max_references=_references(plans),
        options=_options(plans),
    )
    if not has_size:
        return model
    return replace(
        model,
        width=model.nearest_side(width.default),
        height=model.nearest_side(height.default),
    )


def _max_count(plans: Plans) -> int:
    """How many pictures at once: with seeds each is asked for by itself, so that it has its own.

    Without seeds, what the app makes at once counts.
    """
    counts = [
        int(count.highest or _MOST_AT_ONCE)
        for plan in plans.values()
        if Role.SEED not in plan.places and (count := plan.input(Role.COUNT)) is not None
    ]
    return max(1, min(counts, default=_ONE_BY_ONE))


def _called(app: App, name: str) -> str:
    """What members call it; "Gradio" is the title of those that were given none."""
    return app.title[:_LONGEST_NAME] if app.title not in {"", "Gradio"} else name


def _tasks_with(model: str, plans: Plans) -> frozenset[Task]:
    """The tasks whose function has that model to choose; one without a choice has the default."""
    able = set()
    for task, plan in plans.items():
        chooser = plan.input(Role.MODEL)
        if chooser is None or model in {choice.title for choice in chooser.choices}:
            able.add(task)
    return frozenset(able)


def _chosen(component: Component) -> str:
    """The title of a choice's default, else of its first."""
    for choice in component.choices:
        if choice.value == component.default:
            return choice.title
    return component.choices[0].title


def _choices(plans: Plans, role: Role) -> tuple[str, ...]:
    """What may be chosen everywhere, the default first."""
    choosers = [chooser for plan in plans.values() if (chooser := plan.input(role)) is not None]
    if not choosers:
        return (AUTOMATIC,)
    common = [
        choice.title
        for choice in choosers[0].choices
        if all(choice.title in {each.title for each in other.choices} for other in choosers)
    ]
    default = _chosen(choosers[0])
    return tuple(sorted(dict.fromkeys(common), key=lambda title: title != default)) or (AUTOMATIC,)


def _range(plans: Plans, role: Role, otherwise: Range) -> Range:
    inputs = [found for plan in plans.values() if (found := plan.input(role)) is not None]
    if not inputs:
        return otherwise
    lowest = max(_or(each.lowest, otherwise.lowest) for each in inputs)
    highest = min(_or(each.highest, otherwise.highest) for each in inputs)
    lowest = max(lowest, otherwise.lowest)
    highest = max(min(highest, otherwise.highest), lowest)
    default = inputs[0].default
    usual = float(default) if isinstance(default, int | float) else otherwise.default
    return Range(lowest=lowest, highest=highest, default=max(lowest, min(usual, highest)))


def _whole_range(plans: Plans, role: Role, otherwise: Range) -> Range:
    if not any(role in plan.places for plan in plans.values()):
        return otherwise
    found = _range(plans, role, Range(lowest=1, highest=_MOST_STEPS, default=_STEPS))
    lowest = math.ceil(found.lowest)
    return replace(found, lowest=lowest, highest=max(math.floor(found.highest), lowest))


def _sides(plans: Plans, role: Role) -> Range:
    lowest, highest = _SIDES
    return _range(plans, role, Range(lowest=lowest, highest=highest, default=_UNKNOWN_SIDE))


def _side_step(plans: Plans) -> int:
    """The sliders' own step where it is one that models need; they draw in eights at least."""
    steps = [
        int(found.step)
        for plan in plans.values()
        for role in (Role.WIDTH, Role.HEIGHT)
        if (found := plan.input(role)) is not None and found.step and found.is_whole
    ]
    return math.lcm(_SIDE_STEP, *steps) if steps and max(steps) <= 256 else _SIDE_STEP


def _all_take(plans: Plans, role: Role) -> bool:
    return all(role in plan.places for plan in plans.values())


def _references(plans: Plans) -> int:
    plan = plans.get(Task.EDIT)
    image = None if plan is None else plan.input(Role.IMAGE)
    if image is None:
        return 0
    return _MOST_REFERENCES if image.kind is Kind.PICTURES else 1


def _options(plans: Plans) -> tuple[OptionInfo, ...]:
    """Every function's own inputs; one that several have under a name is one option."""
    found: dict[str, OptionInfo] = {}
    for task, plan in plans.items():
        for name, place in option_places(plan).items():
            option = _option(name, plan.endpoint.inputs[place], task)
            known = found.setdefault(name, option)
            found[name] = replace(known, tasks=known.tasks | {task})
    return tuple(found.values())


def _option(name: str, component: Component, task: Task) -> OptionInfo:
    if component.kind is Kind.NUMBER:
        kind = OptionKind.WHOLE if component.is_whole else OptionKind.NUMBER
    else:
        kind = _KINDS[component.kind]
    default = component.default
    if component.kind is Kind.CHOICE:
        default = _chosen(component)
    return OptionInfo(
        name=name,
        title=component.title,
        kind=kind,
        default=default if isinstance(default, bool | int | float | str) else None,
        lowest=component.lowest,
        highest=component.highest,
        choices=tuple(choice.title for choice in component.choices),
        tasks=frozenset({task}),
    )


def _option_name(component: Component) -> str:
    """``Prefix styling tokens (toy style)`` is ``prefix_styling_tokens_toy_style``."""
    words: Iterable[str] = plain(component.name or component.label).split()
    return "_".join(words)[:60].strip("_")


def _or(number: float | None, otherwise: float) -> float:
    return otherwise if number is None else number
