"""What jobs ask of an engine, told apart as far as engines differ in it."""

from __future__ import annotations

import pytest

from generation.dispatcher.demands import Demand, Demands
from generation.line import Waiting
from generation.types import Control, JobId, Lora, OwnerId, Params, ScopeId
from tests.generation.stage import params

A, B = JobId("a"), JobId("b")


def waiting(job_id: JobId) -> Waiting:
    return Waiting(
        id=job_id, owner=OwnerId("o"), scope=ScopeId("s"), model="small", work=1.0, deadline=0.0
    )


def both(other: Params) -> tuple[Demand | None, Demand | None]:
    demands = Demands()
    demands.learn({A: params(), B: other})
    return demands.of(A), demands.of(B)


@pytest.mark.parametrize(
    "changes", [{"prompt": "other"}, {"seed": 9}, {"strength": 0.2}, {"exact": True}]
)
def test_jobs_that_every_engine_treats_alike_have_one_demand(changes: dict[str, object]) -> None:
    first, second = both(params(**changes))
    assert first is second is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 21},
        {"width": 640},
        {"negative_prompt": ""},
        {"loras": (Lora(name="ink"),)},
        {"controls": (Control(kind="pose"),)},
    ],
)
def test_jobs_that_engines_differ_in_do_not(changes: dict[str, object]) -> None:
    first, second = both(params(**changes))
    assert first is not second


def test_the_weight_of_a_lora_makes_no_difference() -> None:
    demands = Demands()
    light, heavy = Lora(name="ink", weight=0.1), Lora(name="ink", weight=1.0)
    demands.learn({A: params(loras=(light,)), B: params(loras=(heavy,))})
    assert demands.of(A) is demands.of(B)


def test_only_what_is_not_known_yet_is_asked_for() -> None:
    demands = Demands()
    demands.learn({A: params()})
    assert demands.unknown([waiting(A), waiting(B)]) == [B]


def test_jobs_that_are_gone_are_forgotten() -> None:
    demands = Demands()
    demands.learn({A: params(), B: params(steps=5)})
    demands.failed(A, "one")
    demands.failed(B, "one")
    demands.failed(B, "two")
    demands.keep({B})
    assert demands.of(A) is None
    assert demands.failed_on(A) == set()
    assert demands.of(B) is not None
    assert demands.failed_on(B) == {"one", "two"}
    assert len(demands._known) == 1
