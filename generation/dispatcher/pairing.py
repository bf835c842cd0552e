"""Which waiting job starts on which backend, now: fairness bent a little to spare model swaps."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from generation.estimate import Speeds
from generation.line import Waiting
from generation.types import JobId

AFFINITY_SECONDS = 60.0
"""How long a job may be passed over by later ones whose model is loaded already."""

_SWAP_SECONDS = 10.0  # about what a large model takes to load; only weighed against other guesses


class Seat(Protocol):
    """A backend, as far as choosing for it goes.

    ``free`` is how many more jobs it takes now, of ``slots`` in all, which is 0 while it is down;
    ``busy`` is whether it runs any. ``resident`` is the model it has loaded, None where that does
    not matter; with ``one_model`` its running jobs all have that one. One of ``weight`` 2 is given
    jobs as if it were twice as fast as it is.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  # said above
    @property
    def free(self) -> int: ...  # noqa: D102
    @property
    def slots(self) -> int: ...  # noqa: D102
    @property
    def weight(self) -> float: ...  # noqa: D102
    @property
    def busy(self) -> bool: ...  # noqa: D102
    @property
    def resident(self) -> str | None: ...  # noqa: D102
    @property
    def one_model(self) -> bool: ...  # noqa: D102

    def offers(self, item: Waiting) -> bool | None:
        """Whether it can do all that the job asks for; None while it has never told."""
        ...

    def has_tool(self, name: str) -> bool:
        """Whether that is one of its tools, for which the loaded model stays."""
        ...

    def seconds_until_free(self) -> float | None:
        """When the next of its slots is expected to be free; None if that is not known."""
        ...


S = TypeVar("S", bound=Seat)


def pair(
    order: Iterable[Waiting],
    seats: Sequence[S],
    *,
    speeds: Speeds,
    waited: Callable[[Waiting], float],
    avoided: Callable[[JobId], Collection[str]] = lambda _: (),
    patience: float = AFFINITY_SECONDS,
) -> list[tuple[Waiting, S]]:
    """The jobs to start now, each with its backend; ``order`` is who is first by fairness.

    A job goes where it is expected to be done soonest, which may be a fast backend that is busy
    now: then it waits for that. One that failed the job before is ``avoided`` by it where another
    one can do it. A backend does not change its model while other jobs want the
    loaded one, until one that wants a change has ``waited`` for ``patience`` seconds: from then
    on nothing else is started there.
    """
    pairing = _Pairing(seats, speeds, avoided)
    for item in order:
        if not pairing.has_room:
            break
        seat = pairing.soonest(item)
        if seat is not None:
            pairing.offer(item, seat, is_due=waited(item) >= patience)
    pairing.swap()
    return pairing.started


def can_start(waiting: Sequence[Waiting], seats: Iterable[Seat]) -> bool:
    """Whether a seat with room can do any of the jobs: quickly said, where ``pair`` looks at all.

    An engine that can do none of a thousand waiting jobs would else have them ranked at each look.
    """
    return any(seat.free > 0 and any(seat.offers(item) for item in waiting) for seat in seats)


class _Pairing(Generic[S]):
    def __init__(
        self, seats: Sequence[S], speeds: Speeds, avoided: Callable[[JobId], Collection[str]]
    ) -> None:
        self.started: list[tuple[Waiting, S]] = []
        self._seats = seats
        self._speeds = speeds
        self._avoided = avoided
        self._room = {seat.name: seat.free for seat in seats}
        self._model = {seat.name: seat.resident for seat in seats}
        self._fixed = {seat.name: seat.one_model and seat.busy for seat in seats}
        self._promised: dict[str, float] = defaultdict(float)
        self._passed_over: dict[str, list[Waiting]] = defaultdict(list)

    @property
    def has_room(self) -> bool:
        return any(room > 0 for room in self._room.values())

    def soonest(self, item: Waiting) -> S | None:
        """Where the job is done first; None if that is nowhere, or where no room is now."""
        able = [seat for seat in self._seats if seat.offers(item)]
        if avoided := self._avoided(item.id):
            able = [seat for seat in able if seat.slots and seat.name not in avoided] or able
        best = min(able, key=lambda seat: self._rank(seat, item), default=None)
        if best is None:
            return None
        if self._room[best.name] > 0:
            return best
        # It waits for this one, and whoever comes next reckons with it.
        seconds = self._speeds.seconds(best.name, item.model, item.work)
        self._promised[best.name] += seconds or 0.0
        return None

    def offer(self, item: Waiting, seat: S, *, is_due: bool) -> None:
        """Start the job there, or pass it over for those whose model is loaded."""
        if not self._swaps(seat, item):
            self._start(item, seat)
        elif self._fixed[seat.name]:
            if is_due:
                self._room[seat.name] = 0  # what runs there ends, and then it is this job's turn
        elif is_due:
            self._start(item, seat)
        else:
            self._passed_over[seat.name].append(item)

    def swap(self) -> None:
        """Where nobody wanted the loaded model, the first who wanted another has it."""
        for seat in self._seats:
            passed = self._passed_over[seat.name]
            if self._fixed[seat.name] or not passed:
                continue
            for item in passed:
                if self._room[seat.name] > 0 and item.model == passed[0].model:
                    self._start(item, seat)

    def _start(self, item: Waiting, seat: S) -> None:
        self.started.append((item, seat))
        self._room[seat.name] -= 1
        if seat.has_tool(item.model):
            return
        if seat.one_model or seat.resident is not None:
            self._model[seat.name] = item.model
            self._fixed[seat.name] = seat.one_model

    def _rank(self, seat: S, item: Waiting) -> tuple[float, bool, float, int]:
        """Smaller is sooner. Where nothing was measured, room now beats everything else."""
        swaps = self._swaps(seat, item)
        has_room = self._room[seat.name] > 0 and not (swaps and self._fixed[seat.name])
        wait = 0.0 if has_room else seat.seconds_until_free()
        seconds = self._speeds.seconds(seat.name, item.model, item.work)
        if seconds is None:
            done = 0.0 if has_room else math.inf
        elif wait is None:
            done = math.inf
        else:
            done = wait + self._promised[seat.name] + seconds + swaps * _SWAP_SECONDS
        return done / seat.weight, swaps, -seat.weight, -self._room[seat.name]

    def _swaps(self, seat: S, item: Waiting) -> bool:
        """Whether another model has to be loaded for the job."""
        return not seat.has_tool(item.model) and self._model[seat.name] not in {None, item.model}
