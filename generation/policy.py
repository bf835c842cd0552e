"""Who is next: fair by work done for each owner, not by arrival. Knows no clock and no I/O."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable

from generation.types import OwnerId, Waiting


class FairShare:
    """Start-time fair queueing over owners.

    Every job gets a start tag in virtual time: the owner's previous job's tag plus its work, but
    never earlier than the tag of the job served last. The smallest tag is next; equal tags go by
    arrival. So whoever has been given much waits behind whoever has been given little, an
    owner's own jobs stay in order, and time spent away earns no credit.

    When nobody waits, and after a restart, everybody begins equal.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._finish: dict[OwnerId, float] = {}

    def order(self, waiting: Iterable[Waiting]) -> list[Waiting]:
        """All waiting jobs, given in order of arrival, in the order in which they are served."""
        lines: dict[OwnerId, deque[tuple[int, Waiting]]] = defaultdict(deque)
        for arrival, item in enumerate(waiting):
            lines[item.owner].append((arrival, item))
        heads = [(self._start(owner), line[0][0], owner) for owner, line in lines.items()]
        heapq.heapify(heads)
        served: list[Waiting] = []
        while heads:
            start, _, owner = heapq.heappop(heads)
            _, item = lines[owner].popleft()
            served.append(item)
            if lines[owner]:
                heapq.heappush(heads, (start + item.work, lines[owner][0][0], owner))
        return served

    def served(self, item: Waiting) -> None:
        """Take note that the job has been started."""
        start = self._start(item.owner)
        self._now = max(self._now, start)
        self._finish[item.owner] = start + item.work
        self._forget_the_past()

    def rest(self) -> None:
        """Take note that nobody waits: what anyone was given so far has harmed nobody."""
        self._now = 0.0
        self._finish.clear()

    def _start(self, owner: OwnerId) -> float:
        return max(self._now, self._finish.get(owner, 0.0))

    def _forget_the_past(self) -> None:
        # A finish tag behind the present says no more than having none.
        self._finish = {owner: tag for owner, tag in self._finish.items() if tag > self._now}
