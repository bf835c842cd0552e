"""Jobs that were running when a worker died are run again alone: so the guilty one is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from generation.dispatcher.pairing import Seat
from generation.line import Waiting

PATIENCE_SECONDS = 60.0
"""How long such a job waits for a worker that is being replaced, before it takes another's."""


class Cell(Seat, Protocol):
    """A seat that can be kept for one job; ``is_alone`` while it is."""

    @property
    def is_alone(self) -> bool: ...  # noqa: D102  # said above


C = TypeVar("C", bound=Cell)


@dataclass(frozen=True, kw_only=True, slots=True)
class Isolation(Generic[C]):
    """The job to start alone now, if any; and the seats that are for nobody else."""

    start: tuple[Waiting, C] | None = None
    kept: tuple[C, ...] = ()


def isolate(
    order: Iterable[Waiting], seats: Sequence[C], *, waited: Callable[[Waiting], float]
) -> Isolation[C]:
    """See to the first of the jobs that may only run alone; ``order`` has no others.

    They go one at a time, in the whole bot, so that one member's crashing jobs never take more
    than one worker away from the others. A seat where something runs is kept until it is empty;
    a worker that is being replaced is empty soon, so that is waited for first.
    """
    for seat in seats:
        if seat.is_alone:
            return Isolation(kept=(seat,))
    for item in order:
        able = [seat for seat in seats if seat.offers(item)]
        for seat in able:
            if seat.free > 0 and not seat.busy:
                return Isolation(start=(item, seat), kept=(seat,))
        working = [seat for seat in able if seat.slots > 0]
        if working and (len(working) == len(able) or waited(item) >= PATIENCE_SECONDS):
            return Isolation(kept=(max(working, key=lambda seat: seat.free),))
    return Isolation()
