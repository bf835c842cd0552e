"""A role's share: the largest counts, and the queue serves by it."""

from __future__ import annotations

import pytest

from generation.errors import InvalidParams
from generation.line import Waiting
from generation.policy import FairShare
from generation.shares import share_of
from generation.types import OwnerId, new_job_id
from tests.generation.stage import SCOPE, Stage

SHARES = {"role:1": 2.0, "role:2": 0.5, "role:3": 4.0}


@pytest.mark.parametrize(
    ("groups", "share"),
    [({"role:9"}, 1.0), (set(), 1.0), ({"role:2"}, 0.5), ({"role:1", "role:2", "role:3"}, 4.0)],
)
def test_the_largest_share_of_a_members_groups_counts(groups: set[str], share: float) -> None:
    assert share_of(groups, SHARES) == share


async def test_shares_are_kept_per_server_until_they_are_the_usual_one(stage: Stage) -> None:
    assert await stage.queue.set_share(SCOPE, "role:1", 2) == {"role:1": 2.0}
    assert await stage.queue.set_share(SCOPE, "role:2", 0.5) == {"role:1": 2.0, "role:2": 0.5}
    assert await stage.queue.set_share(SCOPE, "role:1", 1) == {"role:2": 0.5}
    assert await stage.queue.shares(SCOPE) == {"role:2": 0.5}


@pytest.mark.parametrize("share", [0, -1, 11, float("nan")])
async def test_a_share_outside_its_range_is_refused(stage: Stage, share: float) -> None:
    with pytest.raises(InvalidParams):
        await stage.queue.set_share(SCOPE, "role:1", share)


@pytest.mark.parametrize(
    ("weight", "order"),
    [
        (0.5, ["ben", "ada", "ada"]),
        (1.0, ["ada", "ben", "ada"]),
        (8.0, ["ada", "ada", "ben"]),
    ],
)
def test_who_has_more_shares_is_served_more(weight: float, order: list[str]) -> None:
    policy = FairShare()
    for owner, share in (("ada", weight), ("ben", 1.0)):
        policy.served(waiting(owner, share))
    line = [waiting("ben", 1.0), waiting("ada", weight), waiting("ada", weight)]
    assert [item.owner for item in policy.order(line)] == order


def waiting(owner: str, weight: float) -> Waiting:
    return Waiting(
        id=new_job_id(),
        owner=OwnerId(owner),
        scope=SCOPE,
        model="small",
        work=10.0,
        deadline=0.0,
        weight=weight,
    )


async def test_a_jobs_weight_reaches_the_policy(stage: Stage) -> None:
    await stage.submit("ada", weight=8.0)
    await stage.backend.begun.get()
    await stage.submit("ben", weight=0.5)
    line, _ = await stage.queue.line()
    assert [(item.owner, item.weight) for item in line.waiting] == [("ben", 0.5)]
