"""The numbers of a draft: how strongly, how many, from which seed; checked against a model."""

from __future__ import annotations

import math

from generation.backends.base import ModelInfo
from generation.errors import InvalidParams
from generation.prompt import Draft
from generation.redrawing import STRENGTH
from generation.types import SEED_MAX, Task, new_seed

_NO_STRENGTH = 1.0  # txt2img redraws everything


def choose_guidance(draft: Draft, model: ModelInfo) -> float:
    """The guidance scale. Raises ``InvalidParams``, also where the model ignores it."""
    asked = draft.guidance_scale
    if asked is None:
        return model.guidance_scale
    if not model.uses_guidance:
        raise InvalidParams(
            "guidance_scale", f"The model {model.name} ignores guidance; leave it out."
        )
    lowest, highest = model.min_guidance, model.max_guidance
    if not (math.isfinite(asked) and lowest <= asked <= highest):
        raise InvalidParams(
            "guidance_scale", f"Guidance is from {lowest:g} to {highest:g} here, not {asked:g}."
        )
    return float(asked)


def choose_strength(draft: Draft, model: ModelInfo, task: Task) -> float:
    """The share of a picture that is redrawn. Raises ``InvalidParams``."""
    asked = draft.strength
    if task is Task.TXT2IMG:
        if asked is not None:
            raise InvalidParams(
                "strength", "Strength says how much of a picture is redrawn; add a picture to it."
            )
        return _NO_STRENGTH
    if task is Task.EDIT:
        if asked is not None:
            raise InvalidParams(
                "strength",
                "How much an edit changes is up to its instruction; leave the strength out.",
            )
        return _NO_STRENGTH
    if asked is None:
        return model.strength if task is Task.IMG2IMG else STRENGTH
    if not 0 < asked <= 1:
        raise InvalidParams(
            "strength", f"Strength is above 0 (keep all) and at most 1 (redraw all), not {asked:g}."
        )
    return float(asked)


def choose_seed(asked: int | None) -> int:
    """The seed, drawn here where it is open. Raises ``InvalidParams``."""
    if asked is None or asked == -1:
        return new_seed()
    if not 0 <= asked <= SEED_MAX:
        raise InvalidParams(
            "seed", f"A seed is from 0 to {SEED_MAX}, or -1 for a random one, not {asked}."
        )
    return asked


def within(option: str, asked: int | None, default: int, lowest: int, highest: int) -> int:
    """The number that is asked for, or the default. Raises ``InvalidParams`` outside its range."""
    value = default if asked is None else asked
    if not lowest <= value <= highest:
        raise InvalidParams(option, f"{option} must be {lowest} to {highest} here, not {value}.")
    return value


def choose_eta(draft: Draft, model: ModelInfo, sampler: str) -> float:
    """The noise that the sampler adds anew. Raises ``InvalidParams`` where it takes none."""
    asked = draft.eta
    if asked is None:
        return 0.0
    if not 0 <= asked <= 1:
        raise InvalidParams("eta", f"Eta is from 0 (no noise) to 1 (most), not {asked:g}.")
    if asked and sampler not in model.eta_samplers:
        able = ", ".join(model.eta_samplers)
        hint = f"choose {able} for it, or leave it out" if able else "leave it out"
        raise InvalidParams("eta", f"The sampler {sampler} takes no eta here; {hint}.")
    return float(asked)


def choose_clip_skip(draft: Draft, model: ModelInfo) -> int:
    """Which layer of the text encoder is read. Raises ``InvalidParams``."""
    asked = draft.clip_skip
    if asked is not None and asked != 1 and model.max_clip_skip == 1:
        raise InvalidParams("clip_skip", f"The model {model.name} has no clip skip; leave it out.")
    return within("clip_skip", asked, model.clip_skip, 1, model.max_clip_skip)
