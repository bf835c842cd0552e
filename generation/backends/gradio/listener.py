"""Listens to a call to its end, also after nobody waits for its pictures any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from generation.backends.gradio import calls
from generation.backends.gradio.app import App
from generation.backends.gradio.calls import Call, Message
from generation.backends.remote.wire import Wire
from generation.errors import BackendError, Unavailable


class Listener:
    """A call's stream in a task of its own: only there is it said when a function has ended.

    A plain function cannot be stopped in any version; whoever gives up on it needs to know when
    the app is free again.
    """

    def __init__(self, wire: Wire, app: App, call: Call) -> None:
        self._wire = wire
        self._app = app
        self._call = call
        self._is_wanted = True
        self._told: asyncio.Queue[Message | BackendError] = asyncio.Queue()
        self._task = asyncio.create_task(self._listen(), name=f"gradio-call-{call.session}")

    @property
    def is_over(self) -> bool:
        """Whether the app is done with the call, as far as it lets us know."""
        return self._task.done()

    async def messages(self) -> AsyncIterator[Message]:
        """What the app says of the call. Raises ``BackendError`` when it says no more."""
        while True:
            told = await self._told.get()
            if isinstance(told, BackendError):
                raise told
            yield told

    async def stop(self) -> None:
        """Give up on the call, and have the app stop it where it can. Raises ``BackendError``.

        What only waits there is dropped when its stream closes; a function that yields stops
        between two pictures. Any other is listened to until it has ended.
        """
        self._is_wanted = False
        if self.is_over:
            return
        if self._call.is_running:
            if not self._call.endpoint.yields or self._app.protocol == calls.CALL:
                return
            await calls.stop(self._wire, self._app, self._call)
        await self.leave()

    async def leave(self) -> None:
        """Close the stream."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            async with aclosing(calls.messages(self._wire, self._app, self._call)) as told:
                async for message in told:
                    if self._is_wanted:
                        self._told.put_nowait(message)
        except BackendError as error:
            self._told.put_nowait(error)
        finally:
            # Whoever listens is never left waiting, whatever happened here.
            self._told.put_nowait(Unavailable(detail="the call ended without a word"))
