"""What a member asks of controls and of edges that meet, checked against what a model offers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from generation.backends.base import ControlInfo, ModelInfo
from generation.choices import unknown
from generation.controls import MOST_CONTROL_WEIGHT, MOST_CONTROLS
from generation.errors import InvalidParams
from generation.prompt import Draft
from generation.types import Control, Task


def choose_controls(
    draft: Draft, model: ModelInfo, models: Iterable[ModelInfo]
) -> tuple[Control, ...]:
    """The controls, by the model's own names. Raises ``InvalidParams`` for the first problem."""
    if len(draft.controls) > MOST_CONTROLS:
        raise InvalidParams("control", f"At most {MOST_CONTROLS} pictures can hold a drawing.")
    return tuple(_checked(control, model, models) for control in draft.controls)


def choose_tiling(draft: Draft, model: ModelInfo, task: Task, models: Iterable[ModelInfo]) -> bool:
    """Whether edges are to meet. Raises ``InvalidParams`` where they cannot."""
    if not draft.tiling:
        return False
    if not model.uses_tiling:
        able = [other.name for other in models if other.uses_tiling]
        hint = _able(able) or " Please leave --tile out."
        raise InvalidParams("tiling", f"The model {model.name} cannot make edges meet.{hint}")
    if task is Task.INPAINT:
        raise InvalidParams(
            "tiling", "Edges can be made to meet in whole pictures only. Please leave --tile out."
        )
    return True


def _checked(control: Control, model: ModelInfo, models: Iterable[ModelInfo]) -> Control:
    info = _found(control.kind, model, models)
    if not 0 <= control.weight <= MOST_CONTROL_WEIGHT:
        raise InvalidParams(
            "weight",
            f"The weight of a control is from 0 to {MOST_CONTROL_WEIGHT:g}, "
            f"not {control.weight:g}.",
        )
    if not 0 <= control.start < control.end <= 1:
        raise InvalidParams(
            "start",
            "A control starts and ends between 0 (the first step) and 1 (the last), "
            f"and ends after it started; not from {control.start:g} to {control.end:g}.",
        )
    if control.prepare and not info.prepares:
        raise InvalidParams(
            "prepared",
            f"{info.title or info.name} cannot be found in a picture here. "
            "Give a picture that shows it already, and say prepared: True.",
        )
    return replace(control, kind=info.name)


def _found(kind: str, model: ModelInfo, models: Iterable[ModelInfo]) -> ControlInfo:
    wanted = kind.strip().casefold()
    for info in model.controls:
        if wanted in {info.name.casefold(), info.title.casefold()}:
            return info
    if model.controls:
        raise unknown("kind", kind, [info.name for info in model.controls])
    able = [other.name for other in models if other.controls]
    hint = _able(able) or " Whoever runs this bot can add some."
    raise InvalidParams("kind", f"The model {model.name} has no ControlNets here.{hint}")


def _able(names: list[str]) -> str:
    return f" These can: {', '.join(names[:5])}." if names else ""
