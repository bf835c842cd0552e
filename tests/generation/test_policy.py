"""Fairness, simulated without a clock: served one job after the other on one slot."""

from __future__ import annotations

import random
from collections import defaultdict

from generation.policy import FairShare
from generation.types import JobId, OwnerId, Waiting


def job(owner: str, number: int, work: float = 1.0) -> Waiting:
    return Waiting(
        id=JobId(f"{owner}-{number}"),
        owner=OwnerId(owner),
        model="small",
        work=work,
        deadline=0.0,
    )


def serve(policy: FairShare, waiting: list[Waiting]) -> Waiting:
    """Take the next job out of the queue."""
    following = policy.order(waiting)[0]
    waiting.remove(following)
    policy.served(following)
    return following


def names(items: list[Waiting]) -> list[str]:
    return [item.id for item in items]


def test_equals_take_turns_in_order_of_arrival() -> None:
    waiting = [job("a", 1), job("a", 2), job("b", 1), job("c", 1), job("b", 2)]
    assert names(FairShare().order(waiting)) == ["a-1", "b-1", "c-1", "a-2", "b-2"]


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
    told = policy.order(waiting)
    assert [serve(policy, waiting) for _ in range(len(waiting))] == told


def test_who_was_served_while_nobody_waited_owes_nothing() -> None:
    policy = FairShare()
    for number in range(50):
        serve(policy, [job("early", number)])
    policy.rest()
    waiting = [job("early", 50), job("late", 1), job("early", 51)]
    assert names(policy.order(waiting)) == ["early-50", "late-1", "early-51"]


def test_the_memory_holds_only_those_who_are_ahead() -> None:
    policy = FairShare()
    waiting = [job(f"member{number}", turn) for turn in range(3) for number in range(100)]
    while waiting:
        serve(policy, waiting)
    assert len(policy._finish) <= 100
    policy.rest()
    assert policy._finish == {}
