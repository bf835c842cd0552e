"""One life of a worker process, from its start to the moment it is ready for jobs."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from generation.backends.process import WorkerProcess
from generation.errors import Unavailable
from generation.worker import protocol
from generation.worker.settings import WorkerSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long, in seconds, the worker may take before it is given up.

    ``silence`` is the longest a single step, or loading a model, may last. After a failed start
    ``retry_start`` passes before the next attempt.
    """

    start: float = 600.0
    heartbeat: float = 5.0
    answer: float = 60.0
    silence: float = 900.0
    cancel: float = 60.0
    stop: float = 10.0
    retry_start: float = 30.0


@dataclass(kw_only=True, slots=True)
class Session:
    """A worker that is ready. ``boot_id`` is its life's name; ``tasks`` serve it while it lives."""

    process: WorkerProcess
    ready: protocol.Ready
    resident: str | None
    slots: int
    boot_id: str = field(default_factory=lambda: secrets.token_hex(8))
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    has_had_work: bool = False
    is_leaving: bool = False
    unanswered: int = 0
    kill_reason: str | None = None
    noted: list[protocol.Noted] = field(default_factory=list)
    offer: asyncio.Future[None] | None = None
    """Done when the worker has looked at its models' files again, while it is asked to."""

    async def rescan(self) -> None:
        """Have the worker look at its models' files again. Raises ``Unavailable`` if it dies."""
        if self.offer is None:
            self.offer = asyncio.get_running_loop().create_future()
            self.process.send(protocol.Rescan())
        await asyncio.shield(self.offer)

    def take_offer(self, offered: protocol.Offered) -> None:
        """What it offers from now on."""
        self.ready = replace(
            self.ready,
            models=offered.models,
            problems=offered.problems,
            notes=offered.notes,
        )
        if self.offer is not None and not self.offer.done():
            self.offer.set_result(None)
        self.offer = None

    def lose(self, reason: str) -> None:
        """The worker is gone: whoever waits for what it offers waits no longer."""
        if self.offer is not None and not self.offer.done():
            self.offer.set_exception(Unavailable(detail=reason))
            self.offer.exception()  # seen, should nobody wait any more
        self.offer = None


async def boot(
    command: Sequence[str], settings: WorkerSettings, patience: Patience, name: str
) -> Session:
    """Start a worker and wait until its models can be asked for.

    Raises ``Unavailable`` with the cause as its detail; then nothing is left running.
    """
    try:
        process = await WorkerProcess.spawn(command, name)
    except OSError as error:
        raise Unavailable(detail=f"the worker cannot be started: {error}") from error
    is_ready = False
    try:
        process.send(protocol.Configure(settings=settings))
        async with asyncio.timeout(patience.start):
            session = await _await_ready(process)
        is_ready = True
    except TimeoutError as error:
        detail = f"the worker was not ready after {patience.start:g} s"
        raise Unavailable(detail=detail) from error
    except protocol.ProtocolError as error:
        raise Unavailable(detail=f"the worker does not speak our protocol: {error}") from error
    finally:
        if not is_ready:
            process.kill()
            await process.wait()
    return session


async def _await_ready(process: WorkerProcess) -> Session:
    resident, slots = None, 1
    noted: list[protocol.Noted] = []
    while (message := await process.receive()) is not None:
        match message:
            case protocol.Resident():
                resident, slots = message.model, message.slots
            case protocol.Noted():
                noted.append(message)
            case protocol.Ready():
                return Session(
                    process=process, ready=message, resident=resident, slots=slots, noted=noted
                )
            case protocol.Broken(detail=detail):
                raise Unavailable(detail=detail)
            case _:
                raise protocol.ProtocolError(f"unexpected {type(message).__name__}")
    await process.wait()
    raise Unavailable(detail=f"the worker {process.death}: {process.last_words}")
