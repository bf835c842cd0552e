"""What to try next when a device has no room: pure decisions, each smaller than the one before."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum, auto

from generation.worker.pixels import TILED_NOTE
from generation.worker.placement import Placement


class Stage(Enum):
    """What was being computed when memory ran out."""

    DENOISING = auto()
    DECODING = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """How a job is computed: ``pictures`` at a time, and where the model's parts lie.

    One that ``is_alone`` has the device to itself, and its VAE works in tiles.
    """

    pictures: int
    is_alone: bool = False
    placement: Placement = Placement.WHOLE

    def notes(self, asked: int) -> tuple[str, ...]:
        """What a member who ``asked`` for so many pictures should know. They are never smaller."""
        notes = []
        if self.pictures < asked:
            notes.append(f"Memory was short, so at most {self.pictures} were made at a time.")
        if self.is_alone:
            notes.append(TILED_NOTE)
        if self.placement is not Placement.WHOLE:
            notes.append("Memory was short, so the model was used in parts, which takes longer.")
        return tuple(notes)


def narrower(way: Way, stage: Stage, *, can_offload: bool) -> Way | None:
    """The next way, after this one had no room; None when there is none left.

    Fewer pictures at a time only help denoising: what is too large to decode is one picture.
    """
    if stage is Stage.DENOISING and way.pictures > 1:
        return replace(way, pictures=math.ceil(way.pictures / 2))
    if not way.is_alone:
        return replace(way, is_alone=True)
    if can_offload and way.placement < Placement.BY_LAYER:
        return replace(way, placement=Placement(way.placement + 1))
    return None
