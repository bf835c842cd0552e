"""What is sent to a function for a job: a value for each of its inputs, as strict as Gradio 6."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from generation.backends.gradio.app import Component, Kind
from generation.backends.gradio.plan import Plan
from generation.backends.gradio.roles import Role
from generation.types import SEED_MAX, Params, Task

AUTOMATIC = "Automatic"
"""What stands for a sampler or schedule where the app has none to choose."""

_ZERO_IS_RANDOM = re.compile(r"\b0\b.*\brandom|\brandom.*\b0\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictures:
    """The job's pictures in the form the app takes them: texts in Gradio 3, files later.

    ``layer`` is the mask as paint on nothing, ``composite`` the picture with that paint on it.
    """

    image: object = field(default=None, repr=False)
    mask: object = field(default=None, repr=False)
    layer: object = field(default=None, repr=False)
    composite: object = field(default=None, repr=False)
    references: tuple[object, ...] = field(default=(), repr=False)


def fill(
    plan: Plan,
    params: Params,
    *,
    seed: int,
    count: int,
    options: Mapping[int, object],
    pictures: Pictures,
) -> list[object]:
    """The inputs' values in their order. ``options`` are the chosen ones' values by place.

    Raises nothing: numbers are brought within their input's range, as later versions refuse
    others, and a choice that is gone is left at its default.
    """
    values = [component.default for component in plan.endpoint.inputs]
    for place, value in options.items():
        values[place] = fitted(plan.endpoint.inputs[place], value)
    for role, place in plan.places.items():
        component = plan.endpoint.inputs[place]
        if role in {Role.IMAGE, Role.MASK}:
            values[place] = _picture(component, role, params.task, pictures)
        else:
            values[place] = fitted(component, _asked(role, params, seed, count))
    return values


def fitted(component: Component, value: object) -> object:
    """The value as this input may have it."""
    match component.kind:
        case Kind.NUMBER:
            if isinstance(value, int | float) and not isinstance(value, bool):
                return _number(component, value)
            return component.default
        case Kind.CHOICE:
            by_title = {choice.title: choice.value for choice in component.choices}
            return by_title.get(str(value), component.default)
        case Kind.SWITCH:
            return bool(value)
        case Kind.TEXT:
            return str(value)
        case _:
            return component.default


def app_seed(component: Component | None, seed: int, index: int) -> int:
    """The seed of picture ``index`` within what the app takes; 0 is left out where it is random."""
    if component is None:
        return (seed + index) % (SEED_MAX + 1)
    lowest = max(int(component.lowest or 0), 0)
    if lowest == 0 and _ZERO_IS_RANDOM.search(f"{component.label} {component.hint}"):
        lowest = 1
    highest = SEED_MAX if component.highest is None else min(int(component.highest), SEED_MAX)
    span = max(highest - lowest + 1, 1)
    return lowest + (seed - lowest + index) % span


def _asked(role: Role, params: Params, seed: int, count: int) -> object:
    asked: Mapping[Role, object] = {
        Role.PROMPT: params.prompt,
        Role.NEGATIVE_PROMPT: params.negative_prompt,
        Role.USE_NEGATIVE: bool(params.negative_prompt),
        Role.GUIDANCE: params.guidance_scale,
        Role.STEPS: params.steps,
        Role.WIDTH: params.width,
        Role.HEIGHT: params.height,
        Role.SEED: seed,
        Role.RANDOMIZE: False,
        Role.STRENGTH: params.strength,
        Role.SAMPLER: params.sampler,
        Role.SCHEDULER: params.scheduler,
        Role.MODEL: params.model,
        Role.COUNT: count,
    }
    return asked[role]


def _number(component: Component, value: float) -> int | float:
    """Within the range, on a step: from 5.50 on anything else is refused."""
    if component.step:
        start = component.lowest or 0
        value = start + round((value - start) / component.step) * component.step
    if component.highest is not None:
        value = min(value, component.highest)
    if component.lowest is not None:
        value = max(value, component.lowest)
    value = round(value, 6)  # 0.1 + 0.2 is no step of 0.1
    return int(value) if float(value).is_integer() else value


def _picture(component: Component, role: Role, task: Task, pictures: Pictures) -> object:
    if role is Role.MASK:
        return pictures.mask
    image = pictures.image
    if image is None and task is Task.EDIT and pictures.references:
        image = pictures.references[0]
    if image is None:
        return None
    match component.kind:
        case Kind.SKETCH:
            return {"image": image, "mask": pictures.mask}
        case Kind.EDITOR:
            layers = [] if pictures.layer is None else [pictures.layer]
            composite = pictures.composite or image
            return {"background": image, "layers": layers, "composite": composite}
        case Kind.PICTURES:
            return [{"image": each, "caption": None} for each in pictures.references or (image,)]
        case _:
            return image
