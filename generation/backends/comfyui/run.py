"""One prompt on a ComfyUI server, from its submission until its pictures can be fetched."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from generation.backends.comfyui import words
from generation.backends.comfyui.api import Api, File, History
from generation.backends.comfyui.graph import Graph
from generation.backends.comfyui.messages import (
    FEATURES,
    Broke,
    Finished,
    Interrupted,
    Message,
    read_message,
)
from generation.backends.comfyui.workflow import Workflow
from generation.backends.remote.wire import Deadlines, Socket
from generation.clock import Clock
from generation.errors import BackendError, BadReply, TimedOut, Unavailable

_SOCKET = Deadlines(silence=60.0, total=None)
_MOST_FAILURES = 5

Told = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A prompt of ours. ``prompt`` is its id: newer servers take canonical UUIDs alone.

    ``left`` is set by whoever took it out of the server's line: one that only waited there leaves
    without a word from the server.
    """

    graph: Graph
    workflow: Workflow
    prompt: str = field(default_factory=lambda: str(uuid.uuid4()))
    left: asyncio.Event = field(default_factory=asyncio.Event)


class Runner:
    """Sees runs to their end: by listening while the socket holds, by asking when it does not.

    ``look`` is how many seconds lie between two questions.
    """

    def __init__(self, api: Api, clock: Clock, *, look: float) -> None:
        self._api = api
        self._clock = clock
        self._look_seconds = look

    async def pictures(self, run: Run, told: Told) -> tuple[File, ...]:
        """The files that a run made, in order; ``told`` hears of its progress.

        Raises ``BackendError``, also when somebody stopped it.
        """
        client = str(uuid.uuid4())
        async with self._api.events(client, _SOCKET) as socket:
            await socket.send(FEATURES)
            if run.left.is_set():
                raise _Gone(detail="the run was stopped before it was sent")
            # Only now: what is told while nobody listens is lost.
            await self._api.submit(
                run.graph, prompt=run.prompt, client=client, workflow=run.workflow.name
            )
            await self._listen_unless_left(socket, run, told)
        return _files(await self._ended(run), run)

    async def stop(self, run: Run) -> None:
        """Take the run out of the server's line, and return when it is not there any more."""
        await self._api.remove(run.prompt)
        while run.prompt in await self._api.line():
            await self._clock.sleep(self._look_seconds)
        run.left.set()

    async def _listen_unless_left(self, socket: Socket, run: Run, told: Told) -> None:
        listening = asyncio.create_task(
            self._listen(socket, run, told), name=f"comfyui-listen-{run.prompt}"
        )
        leaving = asyncio.create_task(run.left.wait(), name=f"comfyui-left-{run.prompt}")
        try:
            await asyncio.wait({listening, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
        finally:
            listening.cancel()
            leaving.cancel()
            await asyncio.gather(listening, leaving, return_exceptions=True)

    async def _listen(self, socket: Socket, run: Run, told: Told) -> None:
        """Pass on what is told of the run, until it has ended or the socket broke."""
        while True:
            try:
                received = await socket.receive()
            except TimedOut:
                if await self._is_in_line(run):
                    continue  # it waits behind others, or loads a model
                return
            except Unavailable:
                return
            if received is None:
                return
            message = read_message(received)
            if message is None or message.prompt not in {None, run.prompt}:
                continue
            match message:
                case Broke():
                    raise words.of_execution(message.error, run.workflow.name)
                case Interrupted():
                    raise _interrupted(run)
                case Finished():
                    return
            await told(message)

    async def _is_in_line(self, run: Run) -> bool:
        try:
            return run.prompt in await self._api.line()
        except (Unavailable, TimedOut):
            return False  # that is for ``_ended`` to find out

    async def _ended(self, run: Run) -> History:
        """How the run ended, asked until the server knows; a lost connection is no ending."""
        failures = 0
        while True:
            try:
                if (history := await self._look(run)) is not None:
                    return history
                failures = 0
            except (Unavailable, TimedOut):
                failures += 1
                if failures == _MOST_FAILURES:
                    raise
            await self._clock.sleep(self._look_seconds)

    async def _look(self, run: Run) -> History | None:
        history = await self._api.history(run.prompt)
        if history is not None or run.prompt in await self._api.line():
            if history is None and run.left.is_set():
                await self._api.remove(run.prompt)  # it was just being sent when it was stopped
            return history
        # It may have ended between the two questions.
        history = await self._api.history(run.prompt)
        if history is None:
            raise _Gone(
                detail="the server does not know the job any more: it was taken out of its queue, "
                "or the server was restarted"
            )
        return history


class _Gone(BackendError):
    """The server has no trace of a run; asking again would not help."""


def _files(history: History, run: Run) -> tuple[File, ...]:
    if history.error is not None:
        raise words.of_execution(history.error, run.workflow.name)
    if history.interrupted:
        raise _interrupted(run)
    files = tuple(file for node in run.workflow.map.outputs for file in history.files.get(node, ()))
    if not files:
        outputs = ", ".join(run.workflow.map.outputs)
        raise BadReply(detail=f"{run.workflow.name} ended without a picture of node {outputs}")
    return files


def _interrupted(run: Run) -> BackendError:
    return BackendError(detail=f"{run.workflow.name} was interrupted at the server")
