"""Variations of a picture: its noise turned a little towards another seed's."""

from __future__ import annotations

from generation.backends.base import ModelInfo
from generation.errors import InvalidParams
from generation.prompt import Draft
from generation.types import SEED_MAX, Task, new_seed

SUBTLE = 0.55
"""What part of a model's usual strength a picture is redrawn by, to vary it a little."""


def choose_variation(draft: Draft, model: ModelInfo, task: Task) -> tuple[int, float]:
    """The first variation's seed and how far it goes, 0 … 1; both 0 for none.

    Raises ``InvalidParams``.
    """
    subseed, strength = draft.subseed, draft.subseed_strength
    if strength is None:
        if subseed is not None:
            raise InvalidParams("subseed", "--subseed goes with --subseed-strength 0.1.")
        return 0, 0.0
    if not 0 <= strength <= 1:
        raise InvalidParams(
            "subseed_strength",
            f"--subseed-strength is from 0 (the same) to 1 (another picture), not {strength:g}.",
        )
    if not strength:
        return 0, 0.0
    if task is not Task.TXT2IMG:
        raise InvalidParams(
            "subseed_strength", "--subseed-strength is for pictures from a prompt alone."
        )
    if not model.uses_subseed:
        raise InvalidParams("subseed_strength", f"The model {model.name} takes no subseed.")
    if subseed is None or subseed == -1:
        return new_seed(), float(strength)
    if not 0 <= subseed <= SEED_MAX:
        raise InvalidParams("subseed", f"A subseed is from 0 to {SEED_MAX}, not {subseed}.")
    return subseed, float(strength)
