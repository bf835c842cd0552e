"""One model on several engines: what all of them together can be asked for, and what each can."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import reduce
from typing import Protocol, TypeVar

from generation.backends.base import ModelInfo, OptionInfo
from generation.errors import InvalidParams
from generation.own_options import choose_options
from generation.prompt import Draft
from generation.types import Params, Task


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)
T = TypeVar("T")


def merged(offers: Sequence[ModelInfo]) -> ModelInfo:
    """The model as the first offer describes it, with everything that any of them can do.

    What the union seems to allow need not be possible on a single engine: ``can_do`` says that.
    """
    return reduce(_joined, offers)


def can_do(params: Params, model: ModelInfo) -> bool:
    """Whether the model, as one engine offers it, does all that the parameters ask for."""
    return (
        params.task in model.tasks
        and _fits_size(params, model)
        and _fits_numbers(params, model)
        and _fits_sampler(params, model)
        and _fits_extras(params, model)
    )


def _joined(first: ModelInfo, other: ModelInfo) -> ModelInfo:
    if first == other:
        return first
    loras = _by_name(first.loras, other.loras)
    usable = {lora.name for lora in loras}
    return replace(
        first,
        samplers=_united(first.samplers, other.samplers),
        schedulers=_united(first.schedulers, other.schedulers),
        tasks=first.tasks | other.tasks,
        loras=loras,
        misfits=tuple(
            lora for lora in _by_name(first.misfits, other.misfits) if lora.name not in usable
        ),
        embeddings=_united(first.embeddings, other.embeddings),
        sizes=_united(first.sizes, other.sizes) if first.sizes and other.sizes else (),
        multiple_of=min(first.multiple_of, other.multiple_of),
        min_side=min(first.min_side, other.min_side),
        max_side=max(first.max_side, other.max_side),
        min_steps=min(first.min_steps, other.min_steps),
        max_steps=max(first.max_steps, other.max_steps),
        min_guidance=min(first.min_guidance, other.min_guidance),
        max_guidance=max(first.max_guidance, other.max_guidance),
        max_count=max(first.max_count, other.max_count),
        uses_negative_prompt=first.uses_negative_prompt or other.uses_negative_prompt,
        uses_guidance=first.uses_guidance or other.uses_guidance,
        uses_emphasis=first.uses_emphasis or other.uses_emphasis,
        eta_samplers=_united(first.eta_samplers, other.eta_samplers),
        max_clip_skip=max(first.max_clip_skip, other.max_clip_skip),
        uses_subseed=first.uses_subseed or other.uses_subseed,
        max_references=max(first.max_references, other.max_references),
        looks=first.looks | other.looks,
        uses_reference_weight=first.uses_reference_weight or other.uses_reference_weight,
        controls=_by_name(first.controls, other.controls),
        uses_tiling=first.uses_tiling or other.uses_tiling,
        options=_by_name(first.options, other.options, _joined_option),
        aliases=_other_names(first, other),
        triggers=first.triggers or other.triggers,
        licence=first.licence or other.licence,
    )


def _other_names(first: ModelInfo, other: ModelInfo) -> tuple[str, ...]:
    names = _united(first.aliases, (*other.aliases, other.title))
    return tuple(name for name in names if name not in {first.name, first.title})


def _joined_option(first: OptionInfo, other: OptionInfo) -> OptionInfo:
    """Two engines' options of one name; where they are of different kinds the first one counts."""
    if first.kind is not other.kind:
        return first
    bounds = (first.lowest, other.lowest), (first.highest, other.highest)
    lowest, highest = bounds
    return replace(
        first,
        choices=_united(first.choices, other.choices),
        lowest=None if None in lowest else min(side for side in lowest if side is not None),
        highest=None if None in highest else max(side for side in highest if side is not None),
        tasks=first.tasks | other.tasks,
    )


def _united(first: Iterable[T], other: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*first, *other)))


def _by_name(
    first: Iterable[N], other: Iterable[N], join: Callable[[N, N], N] = lambda kept, _: kept
) -> tuple[N, ...]:
    found = {each.name: each for each in first}
    for each in other:
        kept = found.get(each.name)
        found[each.name] = each if kept is None else join(kept, each)
    return tuple(found.values())


def _fits_size(params: Params, model: ModelInfo) -> bool:
    sides = (params.width, params.height)
    if model.sizes and sides not in model.sizes:
        return False
    if any(side % model.multiple_of for side in sides):
        return False
    if not all(model.min_side <= side <= model.max_side for side in sides):
        return False
    if params.hires <= 1:
        return True
    return Task.IMG2IMG in model.tasks and max(params.final_size) <= model.max_side


def _fits_numbers(params: Params, model: ModelInfo) -> bool:
    guided = model.uses_guidance or params.guidance_scale == model.guidance_scale
    return (
        guided
        and model.min_steps <= params.steps <= model.max_steps
        and params.count <= model.max_count
        and (params.clip_skip in {1, model.clip_skip} or params.clip_skip <= model.max_clip_skip)
        and (not params.negative_prompt or model.uses_negative_prompt)
        and (not params.subseed_strength or model.uses_subseed)
    )


def _fits_sampler(params: Params, model: ModelInfo) -> bool:
    """An engine that does not tell its samplers has one alone, which it calls nothing."""
    return (
        params.sampler in (model.samplers or (model.sampler,))
        and params.scheduler in (model.schedulers or (model.scheduler,))
        and (not params.eta or params.sampler in model.eta_samplers)
    )


def _fits_extras(params: Params, model: ModelInfo) -> bool:
    controls = {control.name: control for control in model.controls}
    loras = {lora.name for lora in model.loras}
    return (
        all(lora.name in loras for lora in params.loras)
        and _looks_at_all(params, model)
        and all(
            each.kind in controls and (controls[each.kind].prepares or not each.prepare)
            for each in params.controls
        )
        and (not params.tiling or model.uses_tiling)
        and _knows_options(params, model)
    )


def _looks_at_all(params: Params, model: ModelInfo) -> bool:
    if not params.references:
        return True
    weighed = model.uses_reference_weight or params.reference_weight == 1
    return weighed and params.task in model.looks and params.references <= model.max_references


def _knows_options(params: Params, model: ModelInfo) -> bool:
    try:
        choose_options(Draft(options=params.options), model, params.task)
    except InvalidParams:
        return False
    return True
