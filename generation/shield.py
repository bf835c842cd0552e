"""Work that is seen through to its end, even when the one who asked for it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def see_through(work: Coroutine[object, object, T], *, name: str) -> T:
    """Await ``work``. When cancelled meanwhile, let it end first and be cancelled then.

    For writes that must not be cut in half. The work has to be short: whoever cancels waits.
    """
    task = asyncio.create_task(work, name=name)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # the canceller does not want it; unread, asyncio would log it
        raise
