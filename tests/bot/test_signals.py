"""Signals inside one process; test_cli sends them to a whole program."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from bot.signals import stop_on_signals


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
async def test_a_signal_stops_the_program_even_where_its_terminal_has_gone() -> None:
    def say_so() -> None:
        raise BrokenPipeError

    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    stop = asyncio.Event()
    with stop_on_signals(stop, on_first=say_so):
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await stop.wait()
    assert len(complaints) == 1
