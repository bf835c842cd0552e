"""The queue's promises, kept in simulation: no clock but the simulation's own, no I/O."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import quantiles

from generation.dispatcher.pairing import AFFINITY_SECONDS, pair
from generation.estimate import Speeds
from generation.line import Waiting
from generation.policy import FairShare
from generation.types import JobId, OwnerId, ScopeId

SEEDS = range(8)


@dataclass(frozen=True, kw_only=True)
class Wish:
    at: float
    item: Waiting


@dataclass(kw_only=True)
class Card:
    """One job at a time; a job takes its work in seconds, another model ``swap`` more."""

    name: str = "card"
    swap: float = 0.0
    resident: str = ""
    free: int = 1
    slots: int = 1
    weight: float = 1.0
    busy: bool = False
    one_model: bool = True
    waits: dict[JobId, float] = field(default_factory=dict)
    ended_at: float = 0.0

    def offers(self, _item: Waiting) -> bool:
        return True

    def has_tool(self, _name: str) -> bool:
        return False

    def seconds_until_free(self) -> float | None:
        return None

    def run(self, item: Waiting, now: float) -> float:
        seconds = item.work + (self.swap if item.model != self.resident else 0.0)
        self.resident = item.model
        self.ended_at = now + seconds
        return seconds


class Arrivals(FairShare):
    """First come, first served: what fairness is measured against."""

    def order(self, waiting: Iterable[Waiting]) -> Iterator[Waiting]:
        return iter(waiting)


def wish(owner: str, number: int, at: float, work: float, **more: str) -> Wish:
    item = Waiting(
        id=JobId(f"{owner}-{number}"),
        owner=OwnerId(owner),
        scope=ScopeId(more.get("scope", "guild:1")),
        model=more.get("model", "one"),
        work=work,
        deadline=0.0,
    )
    return Wish(at=at, item=item)


def simulate(
    wishes: list[Wish], policy: FairShare, *, swap: float = 0.0, patience: float = AFFINITY_SECONDS
) -> Card:
    """Serve everything on one card; ``waits`` are seconds from asking to starting."""
    coming = sorted(wishes, key=lambda each: each.at)
    asked = {each.item.id: each.at for each in coming}
    card, waiting, now = Card(swap=swap), list[Waiting](), 0.0
    while coming or waiting:
        while coming and coming[0].at <= now:
            waiting.append(coming.pop(0).item)
        if not waiting:
            policy.rest()
            now = coming[0].at
            continue
        ((item, _),) = pair(
            policy.order(waiting),
            [card],
            speeds=Speeds(),
            waited=lambda each, now=now: now - asked[each.id],  # type: ignore[misc]
            patience=patience,
        )
        waiting.remove(item)
        policy.served(item)
        card.waits[item.id] = now - asked[item.id]
        seconds = card.run(item, now)
        now += seconds
        policy.ended(item.id, seconds)
    return card


def p95(values: Iterable[float]) -> float:
    return quantiles(list(values), n=20)[-1]


def waits_of(card: Card, prefix: str) -> list[float]:
    return [wait for job, wait in card.waits.items() if job.startswith(prefix)]


def flood(seed: int) -> list[Wish]:
    """One member asks for sixty pictures at once; six for a small one each minute or so."""
    chance = random.Random(seed)
    wishes = [wish("flood", n, 0.0, chance.choice((4.0, 4.0, 16.0))) for n in range(60)]
    for member in range(6):
        at, number = chance.expovariate(1 / 60), 0
        while at < 600:
            wishes.append(wish(f"light{member}", number, at, 4.0))
            at, number = at + chance.expovariate(1 / 60), number + 1
    return wishes


def checkpoints(seed: int) -> list[Wish]:
    """Many members, three models, a job every five seconds."""
    chance, at = random.Random(seed), 0.0
    wishes = []
    for number in range(200):
        at += chance.expovariate(0.2)
        model = chance.choice(("one", "two", "three"))
        wishes.append(wish(f"member{number}", number, at, 3.0, model=model))
    return wishes


def test_light_members_hardly_notice_that_somebody_asked_for_sixty_pictures() -> None:
    fair, first_come = list[float](), list[float]()
    for seed in SEEDS:
        fair_card = simulate(flood(seed), FairShare())
        plain_card = simulate(flood(seed), Arrivals())
        fair += waits_of(fair_card, "light")
        first_come += waits_of(plain_card, "light")
        assert abs(fair_card.ended_at / plain_card.ended_at - 1) <= 0.01
    assert p95(fair) <= 0.1 * p95(first_come)


def test_sparing_model_swaps_serves_a_fifth_more_and_makes_nobody_wait_for_ever() -> None:
    swap, run = 6.0, 9.0
    served: Mapping[str, list[float]] = {"sparing": [], "in turn": []}
    for seed in SEEDS:
        sparing = simulate(checkpoints(seed), FairShare(), swap=swap)
        in_turn = simulate(checkpoints(seed), Arrivals(), swap=swap, patience=0.0)
        for name, card in (("sparing", sparing), ("in turn", in_turn)):
            served[name].append(len(card.waits) / card.ended_at)
        assert max(sparing.waits.values()) <= AFFINITY_SECONDS + run
    assert sum(served["sparing"]) >= 1.2 * sum(served["in turn"])


def test_fifty_accounts_in_one_server_cannot_hold_up_another_server() -> None:
    wishes = [
        wish(f"puppet{n}", turn, 0.0, 4.0, scope="guild:puppets")
        for n in range(50)
        for turn in range(5)
    ]
    wishes += [wish("honest", n, 60.0 * n, 4.0, scope="guild:other") for n in range(10)]
    card = simulate(wishes, FairShare())
    # The job that is running, and as many as the server's shares.
    assert max(waits_of(card, "honest")) <= 4.0 * (1 + 4 + 1)


def test_choosing_the_next_of_a_thousand_looks_at_each_only_once() -> None:
    looked = []

    class Watched(FairShare):
        def cost(self, item: Waiting) -> float:
            looked.append(item.id)
            return super().cost(item)

    waiting = [wish(f"m{n % 200}", n, 0.0, 4.0).item for n in range(1000)]
    next(Watched().order(waiting))
    assert len(looked) <= 2
