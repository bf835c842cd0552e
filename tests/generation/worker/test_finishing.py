"""Finishing: files beside the device's work, with a bound on what is in hand."""

from __future__ import annotations

import queue
import threading

import pytest

from generation.worker.finishing import Finishers

PATIENCE = 30


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


def test_the_caller_does_not_wait_for_the_work(gate: threading.Event) -> None:
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    finishers = Finishers(threads=1, most_bytes=100)

    def work(number: int) -> None:
        gate.wait(PATIENCE)
        done.put(number)

    for number in range(3):
        finishers.submit(work, number, size=30)
    assert done.empty()
    gate.set()
    assert [done.get(timeout=PATIENCE) for _ in range(3)] == [0, 1, 2]
    finishers.shutdown()


def test_more_than_the_bound_waits_until_there_is_room(gate: threading.Event) -> None:
    submitted: queue.SimpleQueue[str] = queue.SimpleQueue()
    finishers = Finishers(threads=1, most_bytes=100)

    def hold() -> None:
        gate.wait(PATIENCE)

    finishers.submit(hold, size=80)

    def submit_more() -> None:
        submitted.put("asked")
        finishers.submit(lambda: None, size=30)
        submitted.put("in")

    asker = threading.Thread(target=submit_more)
    asker.start()
    assert submitted.get(timeout=PATIENCE) == "asked"
    finishers.submit(lambda: None, size=20)  # what fits beside it is not held up
    assert submitted.empty()
    gate.set()
    assert submitted.get(timeout=PATIENCE) == "in"
    asker.join(PATIENCE)
    finishers.shutdown()


def test_a_picture_larger_than_the_bound_gets_in_alone() -> None:
    done = threading.Event()
    finishers = Finishers(threads=1, most_bytes=10)
    finishers.submit(done.set, size=1000)
    assert done.wait(PATIENCE)
    finishers.submit(done.clear, size=1000)
    finishers.shutdown()
    assert not done.is_set()


def test_work_that_fails_gives_its_room_back() -> None:
    finishers = Finishers(threads=1, most_bytes=10)

    def fail() -> None:
        raise RuntimeError

    for _ in range(3):
        finishers.submit(fail, size=10)
    finishers.shutdown()
