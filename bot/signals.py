"""Turns the first Ctrl-C or SIGTERM into a graceful stop, and the second into a quick one."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")


@contextmanager
def stop_on_signals(stop: asyncio.Event, *, on_first: Callable[[], None]) -> Iterator[None]:
    """Set ``stop`` at the first signal, cancel the current task at the second.

    To be entered in the program's main task. A third signal ends the process as usual.
    """
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    wanted = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    previous = {number: signal.getsignal(number) for number in wanted}

    def received() -> None:
        if not stop.is_set():
            stop.set()  # first: saying so fails where the terminal has gone
            on_first()
            return
        _restore()
        if main is not None:
            main.cancel()

    def _from_handler(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(received)

    def _restore() -> None:
        for number, handler in previous.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)

    for number in wanted:
        try:
            loop.add_signal_handler(number, received)
        except NotImplementedError:  # Windows
            signal.signal(number, _from_handler)
    try:
        yield
    finally:
        _restore()
