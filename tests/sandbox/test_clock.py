"""Time in the sandbox."""

from __future__ import annotations

import pytest

from bot.sandbox import ManualClock
from bot.sandbox.snowflake import Snowflakes, created_at


def test_timers_fire_in_order_each_at_its_own_moment() -> None:
    clock = ManualClock(start=100.0)
    fired: list[tuple[str, float]] = []
    clock.call_later(2, lambda: fired.append(("two", clock.now())))
    clock.call_later(1, lambda: fired.append(("one", clock.now())))
    cancelled = clock.call_later(1, lambda: fired.append(("never", clock.now())))
    cancelled.cancel()
    clock.advance(1.5)
    assert fired == [("one", 101.0)]
    clock.advance(1.5)
    assert fired == [("one", 101.0), ("two", 102.0)]
    assert clock.now() == 103.0


def test_a_timer_set_by_a_timer_fires_in_the_same_advance() -> None:
    clock = ManualClock(start=0.0)
    fired: list[float] = []

    def again() -> None:
        clock.call_later(1, lambda: fired.append(clock.now()))

    clock.call_later(1, again)
    clock.advance(5)
    assert fired == [2.0]


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="forwards"):
        ManualClock().advance(-1)


def test_ids_carry_their_time() -> None:
    clock = ManualClock(start=1_800_000_000.25)
    assert created_at(Snowflakes(clock).next()) == 1_800_000_000.25
