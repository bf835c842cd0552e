"""Which job starts where: fairness first, bent a little so that models need not be swapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from generation.dispatcher.pairing import can_start, pair
from generation.estimate import Speeds
from generation.line import Waiting
from generation.store import Sample
from generation.types import JobId, OwnerId, ScopeId


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A backend as a test describes it."""

    name: str = "card"
    free: int = 1
    slots: int = 1
    weight: float = 1.0
    busy: bool = False
    resident: str | None = "red"
    one_model: bool = True
    models: tuple[str, ...] = ("red", "blue", "green")
    tools: tuple[str, ...] = ("scaler",)
    ends_in: float | None = None

    def offers(self, item: Waiting) -> bool:
        return item.model in self.models or item.model in self.tools

    def has_tool(self, name: str) -> bool:
        return name in self.tools

    def seconds_until_free(self) -> float | None:
        return self.ends_in


def job(name: str, model: str = "red") -> Waiting:
    return Waiting(
        id=JobId(name),
        owner=OwnerId(name),
        scope=ScopeId("guild:1"),
        model=model,
        work=1.0,
        deadline=0.0,
    )


def started(
    waiting: Sequence[Waiting],
    *benches: Bench,
    waited: float = 0.0,
    seconds: dict[str, float] | None = None,
    avoided: dict[str, str] | None = None,
) -> list[tuple[str, str]]:
    samples = [
        Sample(backend=backend, model=model, work=1.0, seconds=value)
        for backend, value in (seconds or {}).items()
        for model in ("red", "blue", "green")
    ]
    pairs = pair(
        waiting,
        benches,
        speeds=Speeds(samples),
        waited=lambda _: waited,
        avoided=lambda job_id: {name for key, name in (avoided or {}).items() if key == job_id},
    )
    return [(item.id, bench.name) for item, bench in pairs]


def test_the_first_by_fairness_starts_first() -> None:
    assert started([job("a"), job("b")], Bench()) == [("a", "card")]


def test_jobs_fill_all_slots_and_no_more() -> None:
    waiting = [job(name) for name in "abcd"]
    assert started(waiting, Bench(free=3)) == [("a", "card"), ("b", "card"), ("c", "card")]
    assert started(waiting, Bench(free=0, busy=True)) == []


def test_a_later_job_goes_first_where_its_model_is_loaded() -> None:
    assert started([job("a", "blue"), job("b")], Bench()) == [("b", "card")]


def test_a_job_that_has_been_passed_over_long_enough_has_the_model_changed() -> None:
    assert started([job("a", "blue"), job("b")], Bench(), waited=60.0) == [("a", "card")]


def test_the_model_is_changed_at_once_where_nobody_wants_the_loaded_one() -> None:
    waiting = [job("a", "blue"), job("b", "green"), job("c", "blue")]
    assert started(waiting, Bench(free=2)) == [("a", "card"), ("c", "card")]


def test_jobs_of_another_model_do_not_join_what_is_running() -> None:
    running = Bench(free=2, busy=True)
    assert started([job("a", "blue"), job("b")], running) == [("b", "card")]


def test_what_has_waited_long_enough_is_not_overtaken_by_latecomers_that_could_join() -> None:
    running = Bench(free=2, busy=True)
    assert started([job("a", "blue"), job("b")], running, waited=60.0) == []


def test_a_server_that_serves_many_models_at_once_takes_each_as_it_comes() -> None:
    hosted = Bench(free=2, busy=True, resident=None, one_model=False)
    assert started([job("a", "blue"), job("b")], hosted) == [("a", "card"), ("b", "card")]


def test_a_tool_joins_what_is_running_and_the_loaded_model_stays() -> None:
    running = Bench(free=3, busy=True)
    waiting = [job("a", "scaler"), job("b"), job("c", "scaler")]
    assert started(waiting, running) == [("a", "card"), ("b", "card"), ("c", "card")]


def test_a_tool_does_not_keep_the_model_from_being_changed() -> None:
    waiting = [job("a", "scaler"), job("b", "blue")]
    assert started(waiting, Bench(free=2)) == [("a", "card"), ("b", "card")]


def test_a_backend_without_the_model_is_left_alone() -> None:
    assert started([job("a", "blue")], Bench(models=("red",))) == []


def test_a_job_goes_where_its_model_is_loaded() -> None:
    benches = Bench(name="one"), Bench(name="two", resident="blue")
    speed = {"one": 5.0, "two": 5.0}
    assert started([job("a", "blue"), job("b")], *benches, seconds=speed) == [
        ("a", "two"),
        ("b", "one"),
    ]


def test_a_job_waits_for_a_fast_backend_rather_than_take_a_slow_one() -> None:
    fast = Bench(name="fast", free=0, busy=True, ends_in=2.0)
    slow = Bench(name="slow")
    speed = {"fast": 3.0, "slow": 60.0}
    assert started([job("a")], fast, slow, seconds=speed) == []


def test_once_enough_wait_for_the_fast_one_the_slow_one_is_sooner() -> None:
    fast = Bench(name="fast", free=0, busy=True, ends_in=2.0)
    slow = Bench(name="slow")
    speed = {"fast": 3.0, "slow": 10.0}
    assert started([job(name) for name in "abcd"], fast, slow, seconds=speed) == [("c", "slow")]


def test_a_backend_that_was_never_measured_is_tried() -> None:
    fast = Bench(name="fast", free=0, busy=True, ends_in=2.0)
    assert started([job("a")], fast, Bench(name="new"), seconds={"fast": 3.0}) == [("a", "new")]


def test_a_heavier_backend_is_taken_first_where_nothing_was_measured() -> None:
    benches = Bench(name="one"), Bench(name="two", weight=2.0)
    assert started([job("a"), job("b")], *benches) == [("a", "two"), ("b", "one")]


def test_a_heavier_backend_counts_as_faster_than_it_is() -> None:
    benches = Bench(name="one"), Bench(name="two", weight=2.0)
    assert started([job("a")], *benches, seconds={"one": 6.0, "two": 9.0}) == [("a", "two")]
    assert started([job("a")], *benches, seconds={"one": 4.0, "two": 9.0}) == [("a", "one")]


def test_a_job_avoids_the_backend_that_failed_it() -> None:
    benches = Bench(name="one"), Bench(name="two")
    speed = {"one": 1.0, "two": 9.0}
    assert started([job("a")], *benches, seconds=speed, avoided={"a": "one"}) == [("a", "two")]


@pytest.mark.parametrize("other", [Bench(name="two", models=("blue",)), Bench(name="two", slots=0)])
def test_a_job_goes_back_to_the_backend_that_failed_it_where_no_other_can_do_it(
    other: Bench,
) -> None:
    assert started([job("a")], Bench(name="one"), other, avoided={"a": "one"}) == [("a", "one")]


def test_nothing_can_start_where_the_seats_with_room_can_do_none_of_the_jobs() -> None:
    full, other = Bench(name="full", free=0), Bench(name="other", models=("blue",))
    assert not can_start([job("a"), job("b")], [full, other])
    assert can_start([job("a"), job("b", "blue")], [full, other])
