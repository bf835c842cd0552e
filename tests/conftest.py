"""What every test runs under: a test during which our code blocks the event loop fails."""

from __future__ import annotations

from collections.abc import Iterator

import blockbuster.blockbuster
import pytest
from blockbuster import BlockBuster, BlockingError

from tests.sandbox import openapi
from tests.sandbox.openapi import Conformance


@pytest.fixture(scope="session")
def blocking_calls() -> Iterator[list[str]]:
    """Calls that block (files, sleep, sockets, locks), as our code makes them inside a loop.

    They raise at the spot. They are also written down here, because a border such as the
    dispatcher's would take that error for an ordinary failure of a job.
    """
    seen: list[str] = []

    class Recorded(BlockingError):
        def __init__(self, function: str) -> None:
            seen.append(function)
            super().__init__(function)

    original = blockbuster.blockbuster.BlockingError
    blockbuster.blockbuster.BlockingError = Recorded  # type: ignore[misc,assignment]
    guard = BlockBuster(scanned_modules=["bot", "generation"])
    # Writing a log line is quick, and each of them on a thread would lose their order.
    for function in guard.functions.values():
        function.can_block_in("logging/__init__.py", {"emit", "flush", "handle"})
    guard.activate()
    yield seen
    guard.deactivate()
    blockbuster.blockbuster.BlockingError = original  # type: ignore[misc]


@pytest.fixture(autouse=True)
def _loop_stays_free(blocking_calls: list[str]) -> Iterator[None]:
    blocking_calls.clear()
    yield
    if blocking_calls:
        pytest.fail(f"blocked the event loop: {', '.join(blocking_calls)}")


@pytest.fixture(scope="session")
def conformance() -> Conformance | None:
    """Discord's OpenAPI document as a judge; None where this machine does not have it."""
    return openapi.load() if openapi.document_path().is_file() else None
