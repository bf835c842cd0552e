"""Pictures that are looked at: which models can do that, in which task, and how much they count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from generation.backends.base import ModelInfo
from generation.errors import InvalidParams
from generation.prompt import Draft
from generation.types import Task

BLEND_PROMPT: Final = "One picture that blends the given ones"
"""What is asked of a model where a member has only chosen pictures."""

MOST_WEIGHT: Final = 2.0
_USUAL_WEIGHT = 0.6  # the prompt counts too
_SHOWN = 5
_COUNTS_FULLY = 1.0


def choose_looker(
    draft: Draft, default: ModelInfo, models: Iterable[ModelInfo], task: Task, count: int
) -> tuple[ModelInfo, Task]:
    """The model, and the task in which it looks at so many pictures.

    ``default`` is the one that the draft names, or else the usual one: where nobody named it, the
    first that can takes its place. One that looks at pictures in edits alone makes a blend by an
    edit. Raises ``InvalidParams`` with the models that can.
    """
    every = tuple(models)
    if draft.model is None:
        candidates = (default, *every)
        default = next((each for each in candidates if _can_look(each, task, count)), default)
    found = _task_of(default, task)
    if found is not None and count <= default.max_references:
        return default, found
    able = [each.name for each in every if _can_look(each, task, count)]
    hint = f" These can: {', '.join(able[:_SHOWN])}." if able else ""
    raise InvalidParams("model", f"The model {default.name} {_refusal(default, task)}.{hint}")


def choose_weight(draft: Draft, model: ModelInfo, count: int) -> float:
    """How much the pictures count beside the prompt, 0 … 2. Raises ``InvalidParams``."""
    asked = draft.reference_weight
    if asked is None:
        weighs = count and model.uses_reference_weight and draft.prompt != BLEND_PROMPT
        return _USUAL_WEIGHT if weighs else _COUNTS_FULLY
    if not count:
        raise InvalidParams(
            "reference_weight", "A weight of pictures goes with pictures to look at; see /blend."
        )
    if not model.uses_reference_weight and asked != _COUNTS_FULLY:
        raise InvalidParams(
            "reference_weight",
            f"The model {model.name} weighs pictures by the prompt; leave the weight out.",
        )
    if not 0 <= asked <= MOST_WEIGHT:
        raise InvalidParams(
            "reference_weight",
            f"The pictures' weight is from 0 (the prompt alone) to {MOST_WEIGHT:g}, not {asked:g}.",
        )
    return float(asked)


def _task_of(model: ModelInfo, task: Task) -> Task | None:
    able = model.looks & model.tasks
    if task in able:
        return task
    return Task.EDIT if task is Task.TXT2IMG and Task.EDIT in able else None


def _can_look(model: ModelInfo, task: Task, count: int) -> bool:
    return _task_of(model, task) is not None and count <= model.max_references


def _refusal(model: ModelInfo, task: Task) -> str:
    if task is Task.EDIT and Task.EDIT not in model.tasks:
        return "cannot edit pictures by instruction"
    if _task_of(model, task) is None or not model.max_references:
        return "cannot look at pictures besides the prompt"
    one = model.max_references == 1
    return f"looks at {'one picture' if one else f'{model.max_references} pictures'} at most"
