"""The watchdog: a loop that is held up leaves a trace of what it was doing."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest

from bot.watchdog import loop_watchdog


class Listener(logging.Handler):
    """Keeps what is logged, and tells when there is something."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.written = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.text += record.getMessage()
        self.written.set()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    logging.getLogger("bot.watchdog").addHandler(listener)
    yield listener
    logging.getLogger("bot.watchdog").removeHandler(listener)


async def test_what_holds_up_the_loop_is_written_down(listener: Listener) -> None:
    with loop_watchdog(asyncio.get_running_loop(), late=0.01, pause=0.01):
        hold_up(listener.written)
    assert listener.text.startswith("loop_late")
    assert "hold_up" in listener.text


async def test_a_loop_that_answers_is_left_alone(listener: Listener) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    with loop_watchdog(loop, late=60, pause=0.001):
        loop.call_later(0.02, asked.set)
        await asked.wait()
    assert listener.text == ""


def hold_up(until: threading.Event) -> None:
    assert until.wait(10)
