"""Work that is seen through."""

from __future__ import annotations

import asyncio

import pytest

from generation.shield import see_through


async def test_a_cancelled_caller_is_cancelled_after_the_work_has_ended() -> None:
    gate, steps = asyncio.Event(), []

    async def work() -> None:
        await gate.wait()
        steps.append("written")

    async def caller() -> None:
        try:
            await see_through(work(), name="work")
        finally:
            steps.append("cancelled")

    task = asyncio.create_task(caller())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert steps == []
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["written", "cancelled"]


async def test_what_the_work_returns_or_raises_reaches_the_caller() -> None:
    async def value() -> int:
        return 3

    async def broken() -> None:
        raise KeyError("x")

    assert await see_through(value(), name="work") == 3
    with pytest.raises(KeyError):
        await see_through(broken(), name="work")
