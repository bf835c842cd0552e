"""The timer that notices a blocked event loop."""

from __future__ import annotations

import asyncio

import pytest

from generation.bench.lateness import TICK, Ticks, ticking


async def test_a_loop_that_is_held_up_is_late_by_as_much() -> None:
    loop = asyncio.get_running_loop()
    with ticking() as ticks:
        held = loop.time() + TICK + 0.05
        while loop.time() < held:
            pass
        await asyncio.sleep(3 * TICK)
    assert ticks.worst_ms() >= 50


async def test_outside_no_timer_goes_off() -> None:
    with ticking() as ticks:
        await asyncio.sleep(3 * TICK)
    seen = len(ticks.late)
    await asyncio.sleep(2 * TICK)
    assert len(ticks.late) == seen


def test_without_a_tick_there_is_no_worst() -> None:
    with pytest.raises(ValueError, match="empty"):
        Ticks().worst_ms()
