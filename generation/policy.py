"""Who is next: fair by time spent for each owner, not by arrival. Knows no clock and no I/O."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from generation.line import Waiting
from generation.types import JobId, OwnerId, ScopeId

SCOPE_SHARE = 4.0
"""How many members' shares one server's members may take together while others wait."""

_MOST_CORRECTED = 3.0  # a job that loaded a model first took much longer than its pixels did

_Tags = dict[OwnerId | ScopeId, float]


@dataclass(frozen=True, slots=True)
class _Charge:
    owner: OwnerId
    scope: ScopeId
    cost: float
    weight: float


class FairShare:
    """Start-time fair queueing over owners, and over the servers they ask in.

    Every job gets a start tag in virtual time: its owner's previous job's tag plus what that one
    cost, but never earlier than the tag of the job served last. The smallest tag is next; equal
    tags go by arrival. So whoever has been given much waits behind whoever has been given
    little, an owner's own jobs stay in order wherever they ask, and time spent away earns no
    credit. A weight of two makes an owner's jobs cost half.

    A server has a tag as well, which a job in it moves by its cost divided by ``scope_share``:
    however many accounts flood one server, together they take no more than that many shares.

    A job costs its work times the seconds that a unit of work takes on its model. When nobody
    waits, and after a restart, everybody begins equal.

    The rule is that of P. Goyal, H. Vin and H. Cheng, "Start-time Fair Queueing" (1996).
    """

    def __init__(self, *, scope_share: float = SCOPE_SHARE) -> None:
        self._scope_share = scope_share
        self._now = 0.0
        self._finish: _Tags = {}
        self._charges: dict[JobId, _Charge] = {}
        self._speed: Mapping[str, float] = {}
        self._typical = 1.0

    def measured(self, speed: Mapping[str, float]) -> None:
        """Take note of the seconds that a unit of work takes, by model."""
        self._speed = speed
        self._typical = median(speed.values()) if speed else 1.0

    def cost(self, item: Waiting) -> float:
        """What the job is expected to take, in seconds once any speed is known."""
        return item.work * self._speed.get(item.model, self._typical)

    def order(self, waiting: Iterable[Waiting]) -> Iterator[Waiting]:
        """The waiting jobs, given in order of arrival, in the order in which they are served.

        Costs little more than what is taken of it: the first of a thousand is found without
        sorting, and a server's tag is moved once, not for each of its members.
        """
        lines = defaultdict[OwnerId, deque[tuple[int, Waiting]]](deque)
        for arrival, item in enumerate(waiting):
            lines[item.owner].append((arrival, item))
        tags: _Tags = {}
        crowds: dict[ScopeId, _Crowd] = {}
        for owner, line in lines.items():
            self._line_up(crowds, tags, owner, *line[0])
        heads = [(*crowd.first(), scope) for scope, crowd in crowds.items()]
        heapq.heapify(heads)
        while heads:
            start, arrival, owner, scope = heapq.heappop(heads)
            crowd = crowds[scope]
            if crowd.is_empty or crowd.first() != (start, arrival, owner):
                continue  # somebody has lined up there or left since; that put a newer head here
            crowd.take()
            item = lines[owner].popleft()[1]
            self._charge(tags, item, start)
            crowd.move(tags[scope])
            touched = {scope}
            if lines[owner]:
                touched.add(self._line_up(crowds, tags, owner, *lines[owner][0]))
            for each in touched:
                if not crowds[each].is_empty:
                    heapq.heappush(heads, (*crowds[each].first(), each))
            yield item

    def served(self, item: Waiting) -> None:
        """Take note that the job has been started."""
        start = max(self._now, self._tag({}, item.owner), self._tag({}, item.scope))
        self._now = max(self._now, start)
        self._charge(self._finish, item, start)
        self._charges[item.id] = _Charge(item.owner, item.scope, self.cost(item), item.weight)
        # A finish tag behind the present says no more than having none.
        self._finish = {key: tag for key, tag in self._finish.items() if tag > self._now}

    def ended(self, job_id: JobId, seconds: float) -> None:
        """Charge what the job really took. Unknown ids are ignored."""
        charge = self._charges.pop(job_id, None)
        if charge is None or not self._speed:
            return
        over = min(seconds, _MOST_CORRECTED * charge.cost) - charge.cost
        for key, share in ((charge.owner, charge.weight), (charge.scope, self._scope_share)):
            if key in self._finish:
                self._finish[key] += over / share

    def rest(self) -> None:
        """Take note that nobody waits: what anyone was given so far has harmed nobody."""
        self._now = 0.0
        self._finish.clear()
        self._charges.clear()

    def _line_up(
        self,
        crowds: dict[ScopeId, _Crowd],
        tags: _Tags,
        owner: OwnerId,
        arrival: int,
        item: Waiting,
    ) -> ScopeId:
        """Put an owner's next job among those of its server, which is returned."""
        if item.scope not in crowds:
            crowds[item.scope] = _Crowd(max(self._now, self._tag(tags, item.scope)))
        crowds[item.scope].add(self._tag(tags, owner), arrival, owner)
        return item.scope

    def _tag(self, tags: _Tags, key: OwnerId | ScopeId) -> float:
        return tags[key] if key in tags else self._finish.get(key, 0.0)

    def _charge(self, tags: _Tags, item: Waiting, start: float) -> None:
        cost = self.cost(item)
        tags[item.owner] = start + cost / item.weight
        tags[item.scope] = start + cost / self._scope_share


class _Crowd:
    """The owners whose next job is in one server, the first of them at hand.

    Those whose own tag is not ahead of the server's all start at that one, in order of arrival;
    so it can move without any of them being touched.
    """

    def __init__(self, tag: float) -> None:
        self._tag = tag
        self._ready: list[tuple[int, OwnerId]] = []
        self._ahead: list[tuple[float, int, OwnerId]] = []

    @property
    def is_empty(self) -> bool:
        return not self._ready and not self._ahead

    def add(self, own: float, arrival: int, owner: OwnerId) -> None:
        if own > self._tag:
            heapq.heappush(self._ahead, (own, arrival, owner))
        else:
            heapq.heappush(self._ready, (arrival, owner))

    def move(self, tag: float) -> None:
        """Set the server's tag, which never falls."""
        self._tag = tag
        while self._ahead and self._ahead[0][0] <= tag:
            _, arrival, owner = heapq.heappop(self._ahead)
            heapq.heappush(self._ready, (arrival, owner))

    def first(self) -> tuple[float, int, OwnerId]:
        """The start tag of who is next, when they came, and who they are."""
        return (self._tag, *self._ready[0]) if self._ready else self._ahead[0]

    def take(self) -> None:
        """Let the first go."""
        if self._ready:
            heapq.heappop(self._ready)
        else:
            heapq.heappop(self._ahead)
