"""Fairness, simulated without a clock: served one job after the other on one slot."""

from __future__ import annotations

import itertools
import random
import sys
from collections import defaultdict
from dataclasses import replace

from generation.line import Waiting
from generation.policy import FairShare
from generation.types import JobId, OwnerId, ScopeId


def job(
    owner: str, number: int, work: float = 1.0, *, scope: str | None = None, weight: float = 1.0
) -> Waiting:
    return Waiting(
        id=JobId(f"{owner}-{number}"),
        owner=OwnerId(owner),
        scope=ScopeId(scope or f"user:{owner}"),
        model="small",
        work=work,
        deadline=0.0,
        weight=weight,
    )


def serve(policy: FairShare, waiting: list[Waiting]) -> Waiting:
    """Take the next job out of the queue."""
    following = next(policy.order(waiting))
    waiting.remove(following)
    policy.served(following)
    return following


def names(items: list[Waiting]) -> list[str]:
    return [item.id for item in items]


def test_equals_take_turns_in_order_of_arrival() -> None:
    waiting = [job("a", 1), job("a", 2), job("b", 1), job("c", 1), job("b", 2)]
    assert names(list(FairShare().order(waiting))) == ["a-1", "b-1", "c-1", "a-2", "b-2"]


def test_a_newcomer_waits_for_at_most_one_job_of_a_greedy_member() -> None:
    policy = FairShare()
    waiting = [job("greedy", number) for number in range(60)]
    for _ in range(10):
        serve(policy, waiting)
    waiting.append(job("light", 1))
    served = [serve(policy, waiting).owner for _ in range(2)]
    assert "light" in served


def test_large_jobs_count_for_more_than_small_ones() -> None:
    policy = FairShare()
    waiting = [job("large", number, 10.0) for number in range(50)]
    waiting += [job("small", number, 1.0) for number in range(50)]
    work: dict[str, float] = defaultdict(float)
    for _ in range(44):
        item = serve(policy, waiting)
        work[item.owner] += item.work
    assert abs(work["large"] - work["small"]) <= 10.0


def test_time_away_earns_no_credit() -> None:
    policy = FairShare()
    busy = [job("busy", number) for number in range(100)]
    for _ in range(50):
        serve(policy, busy)
    waiting = busy + [job("back", number) for number in range(10)]
    owners = [serve(policy, waiting).owner for _ in range(10)]
    assert 4 <= owners.count(OwnerId("back")) <= 6


def test_a_crowd_of_one_server_is_ordered_with_few_looks_at_each() -> None:
    """Twice as many members are about twice the work, not four times."""
    of_250, of_1000 = (_calls_for_ordering(members) for members in (250, 1000))
    assert of_1000 < 6 * of_250


def _calls_for_ordering(members: int) -> int:
    waiting = [job(f"member{n}", n, 1.0 + n % 3, scope="guild:1") for n in range(members)]
    calls = itertools.count()
    sys.setprofile(lambda *_: next(calls))
    try:
        assert len(list(FairShare().order(waiting))) == members
    finally:
        sys.setprofile(None)
    return next(calls)


def test_an_owners_jobs_stay_in_order() -> None:
    policy, chance = FairShare(), random.Random(5)
    waiting = [job(chance.choice("abc"), number, chance.uniform(0.1, 9)) for number in range(60)]
    served = [serve(policy, waiting) for _ in range(60)]
    for owner in "abc":
        numbers = [int(item.id[2:]) for item in served if item.owner == owner]
        assert numbers == sorted(numbers)


def test_nobody_who_waits_falls_behind_another_by_more_than_their_largest_jobs() -> None:
    chance = random.Random(7)
    for _ in range(20):
        policy, work = FairShare(), defaultdict[str, float](float)
        waiting = [
            job(owner, number, chance.uniform(0.5, 8)) for number in range(40) for owner in "abcd"
        ]
        for _ in range(80):
            item = serve(policy, waiting)
            work[item.owner] += item.work
            assert max(work.values()) - min(work[owner] for owner in "abcd") <= 8 + 8


def test_the_order_told_is_the_order_served() -> None:
    policy, chance = FairShare(), random.Random(9)
    waiting = [job(chance.choice("abcde"), n, chance.uniform(0.1, 9)) for n in range(40)]
    for _ in range(5):
        serve(policy, waiting)
    told = list(policy.order(waiting))
    assert [serve(policy, waiting) for _ in range(len(waiting))] == told


def test_who_was_served_while_nobody_waited_owes_nothing() -> None:
    policy = FairShare()
    for number in range(50):
        serve(policy, [job("early", number)])
    policy.rest()
    waiting = [job("early", 50), job("late", 1), job("early", 51)]
    assert names(list(policy.order(waiting))) == ["early-50", "late-1", "early-51"]


def test_the_memory_holds_only_those_who_are_ahead() -> None:
    policy = FairShare()
    waiting = [job(f"member{number}", turn) for turn in range(3) for number in range(100)]
    while waiting:
        serve(policy, waiting)
    assert len(policy._finish) <= 200  # each with a scope of their own
    policy.rest()
    assert policy._finish == {}


def test_a_weight_of_two_brings_twice_the_share() -> None:
    policy = FairShare()
    waiting = [job("patron", n, weight=2.0) for n in range(40)]
    waiting += [job("member", n) for n in range(40)]
    owners = [serve(policy, waiting).owner for _ in range(30)]
    assert owners.count(OwnerId("patron")) == 20


def test_a_flood_spread_over_servers_counts_as_one_persons() -> None:
    policy = FairShare()
    waiting = [job("greedy", n, scope=f"guild:{n}") for n in range(30)]
    waiting += [job("modest", n, scope="guild:1") for n in range(5)]
    owners = [serve(policy, waiting).owner for _ in range(10)]
    assert owners.count(OwnerId("modest")) == 5


def test_many_accounts_in_one_server_have_that_servers_share_together() -> None:
    policy = FairShare(scope_share=4.0)
    waiting = [job(f"puppet{n % 50}", n, scope="guild:1") for n in range(500)]
    waiting += [job("honest", n, scope="guild:2") for n in range(10)]
    served = [serve(policy, waiting).owner for _ in range(60)]
    places = [place for place, owner in enumerate(served) if owner == OwnerId("honest")]
    assert len(places) == 10
    assert all(later - earlier <= 5 for earlier, later in itertools.pairwise(places))


def test_a_server_alone_is_held_up_by_no_share() -> None:
    policy = FairShare()
    waiting = [job(f"member{n % 8}", n, scope="guild:1") for n in range(16)]
    assert names([serve(policy, waiting) for _ in range(16)]) == [
        f"member{n % 8}-{n}" for n in range(16)
    ]


def test_what_a_job_costs_is_measured_by_its_model() -> None:
    policy = FairShare()
    policy.measured({"small": 1.0, "large": 10.0})
    large = replace(job("a", 1), model="large")
    assert (policy.cost(large), policy.cost(job("b", 1))) == (10.0, 1.0)


def test_a_job_that_took_longer_than_expected_is_charged_for_it() -> None:
    policy = FairShare()
    policy.measured({"small": 1.0})
    first = job("slow", 1)
    serve(policy, [first])
    policy.ended(first.id, 3.0)
    waiting = [job("slow", 2), job("other", 1), job("other", 2)]
    assert names(list(policy.order(waiting))) == ["other-1", "other-2", "slow-2"]


def test_a_job_that_was_cancelled_at_once_costs_next_to_nothing() -> None:
    policy = FairShare()
    policy.measured({"small": 10.0})
    first = job("hasty", 1)
    serve(policy, [first])
    policy.ended(first.id, 0.0)
    waiting = [job("hasty", 2), job("other", 1)]
    assert names(list(policy.order(waiting))) == ["hasty-2", "other-1"]
