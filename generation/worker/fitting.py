"""How a model lies on its card: decided from what its parts weigh and what the card has free.

Pure decisions. They are estimates, made before a single weight is read: when memory runs out all
the same, ``ladder`` changes the way that a picture is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from generation.worker.placement import Placement

GIB = 1024**3

_DRAWING_1024 = 3 * GIB
"""What drawing a picture of 1024×1024 takes besides weights, most of it the VAE's (16 bits)."""
_LEAST_DRAWING = GIB // 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """Bytes of each part's weights in the precision they are used in, and of drawing a picture.

    No parts means that what they weigh is not known.
    """

    parts: Mapping[str, int] = field(default_factory=dict)
    drawing: int = _LEAST_DRAWING

    @property
    def weights(self) -> int:
        """All parts together."""
        return sum(self.parts.values())

    @property
    def largest(self) -> int:
        """The largest part."""
        return max(self.parts.values(), default=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """Where a model's parts lie, and why, in a sentence for the operator."""

    placement: Placement
    sentence: str


def needs_of(weights: Mapping[str, int], bytes_each: int, width: int, height: int) -> Needs:
    """From numbers of weights, the bytes of one, and the size that is drawn."""
    share = width * height / 1024**2 * bytes_each / 2
    drawing = max(_LEAST_DRAWING, int(_DRAWING_1024 * share))
    return Needs(
        parts={part: count * bytes_each for part, count in weights.items()}, drawing=drawing
    )


def fit(needs: Needs, free: int | None) -> Fit:
    """The fastest way that should have room in ``free`` bytes; None is a machine without a card."""
    weight = f"{_gib(needs.weights)} of weights"
    if free is None:
        return Fit(placement=Placement.WHOLE, sentence=weight)
    start = f"{weight} and about {_gib(needs.drawing)} to draw with, {_gib(free)} free"
    if needs.weights + needs.drawing <= free:
        return Fit(placement=Placement.WHOLE, sentence=f"{start}: all of it lies on the card")
    if needs.largest + needs.drawing <= free:
        return Fit(
            placement=Placement.BY_PART,
            sentence=f"{start}: its parts take turns on the card, which takes longer",
        )
    return Fit(
        placement=Placement.BY_LAYER,
        sentence=f"{start}: its layers take turns on the card, which takes many times longer; "
        "a smaller model would be faster",
    )


def to_evict(
    loaded: Mapping[str, int], wanted: Needs, *, budget: int | None, free: int | None
) -> tuple[str, ...]:
    """Which models must go so that another fits, the least recently used first.

    ``loaded`` are the bytes of those there are, in that order. With a ``budget`` their weights
    and the new one's stay within it; without one, those stay whose place the new one does not
    need of ``free`` bytes, and none where it is not known how much that is.
    """
    gone: list[str] = []
    held, room = sum(loaded.values()), 0
    for name, size in loaded.items():
        if budget is not None:
            fits = held + wanted.weights <= budget
        else:
            fits = free is not None and wanted.weights + wanted.drawing <= free + room
        if fits and wanted.parts:
            break
        gone.append(name)
        held -= size
        room += size
    return tuple(gone)


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
