"""Notices when something holds up the event loop, and writes down what it was doing."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

_LOG = logging.getLogger(__name__)

LATE_SECONDS = 0.25
PAUSE_SECONDS = 0.5


@contextmanager
def loop_watchdog(
    loop: asyncio.AbstractEventLoop, *, late: float = LATE_SECONDS, pause: float = PAUSE_SECONDS
) -> Iterator[None]:
    """Log the loop's stack whenever it does not answer within ``late`` seconds.

    To be entered on the loop's own thread; it asks every ``pause`` seconds from another.
    """
    stopping = threading.Event()
    watcher = threading.Thread(
        target=_watch,
        args=(loop, threading.get_ident(), stopping, late, pause),
        name="loop-watchdog",
        daemon=True,
    )
    watcher.start()
    try:
        yield
    finally:
        # Not joined: the thread may be waiting for this very loop to answer.
        stopping.set()


def _watch(
    loop: asyncio.AbstractEventLoop,
    thread_id: int,
    stopping: threading.Event,
    late: float,
    pause: float,
) -> None:
    while not stopping.wait(pause):
        answered = threading.Event()
        try:
            loop.call_soon_threadsafe(answered.set)
        except RuntimeError:  # the loop has closed
            return
        if answered.wait(late) or stopping.is_set():
            continue
        frame = sys._current_frames().get(thread_id)  # noqa: SLF001 (the only way to a stack)
        stack = "".join(traceback.format_stack(frame, limit=12)) if frame else ""
        _LOG.warning("loop_late seconds=%s\n%s", late, stack)
        while not answered.wait(pause) and not stopping.is_set():
            pass
