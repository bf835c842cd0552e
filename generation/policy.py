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

        Costs no more than what is taken of it: the first of a thousand is found without sorting.
        """
        lines = defaultdict[OwnerId, deque[tuple[int, Waiting]]](deque)
        for arrival, item in enumerate(waiting):
            lines[item.owner].append((arrival, item))
        tags: _Tags = {}
        heads = [
            (self._start(tags, line[0][1]), line[0][0], owner) for owner, line in lines.items()
        ]
        heapq.heapify(heads)
        while heads:
            promised, arrival, owner = heads[0]
            item = lines[owner][0][1]
            start = self._start(tags, item)
            if start > promised:  # others of its server went first
                heapq.heapreplace(heads, (start, arrival, owner))
                continue
            heapq.heappop(heads)
            lines[owner].popleft()
            self._charge(tags, item, start)
            if lines[owner]:
                arrival, following = lines[owner][0]
                heapq.heappush(heads, (self._start(tags, following), arrival, owner))
            yield item

    def served(self, item: Waiting) -> None:
        """Take note that the job has been started."""
        start = self._start({}, item)
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

    def _start(self, tags: _Tags, item: Waiting) -> float:
        own = tags.get(item.owner) or self._finish.get(item.owner, 0.0)
        of_scope = tags.get(item.scope) or self._finish.get(item.scope, 0.0)
        return max(self._now, own, of_scope)

    def _charge(self, tags: _Tags, item: Waiting, start: float) -> None:
        cost = self.cost(item)
        tags[item.owner] = start + cost / item.weight
        tags[item.scope] = start + cost / self._scope_share
