"""Jobs played to their end on a backend."""

from __future__ import annotations

from generation.backends.base import Backend, Done, Event, Failed, Work
from generation.errors import BackendError
from generation.types import Result


async def play(backend: Backend, work: Work) -> list[Event]:
    """Everything that is told of the job."""
    return [event async for event in backend.run(work)]


async def drawn(backend: Backend, work: Work) -> Result:
    """What came of it, which must be pictures."""
    last = (await play(backend, work))[-1]
    assert isinstance(last, Done), last
    return last.result


async def failure(backend: Backend, work: Work) -> BackendError:
    """Why nothing came of it."""
    last = (await play(backend, work))[-1]
    assert isinstance(last, Failed), last
    return last.error
