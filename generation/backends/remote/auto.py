"""An engine of which only the address is known, until it answers and says what it is."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace

from generation.backends.base import Backend, Capabilities, Event, Failed, Health, Work
from generation.backends.remote.probe import Kind, find_kind
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience, Standing
from generation.backends.remote.wire import Deadlines, Wire
from generation.clock import Clock, SystemClock
from generation.errors import Unavailable
from generation.types import JobId

_LOG = logging.getLogger(__name__)

Maker = Callable[[], Backend]


class AutoBackend:
    """Becomes the backend of the kind that answers. One that is down is asked again later."""

    def __init__(
        self,
        name: str,
        server: Server,
        makers: Mapping[Kind, Maker],
        *,
        clock: Clock | None = None,
        patience: Patience | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._name = name
        self._makers = makers
        self._wire = Wire(server, deadlines=deadlines)
        self._found: Backend | None = None
        self._kind: Kind | None = None
        self._standing = Standing(
            discover=self._discover,
            ping=self._nothing_more,
            clock=clock or SystemClock(),
            patience=patience or Patience(),
            name=name,
            hide=server.hide,
        )

    @property
    def name(self) -> str:
        """The operator's name for it."""
        return self._name

    async def capabilities(self) -> Capabilities:
        """What it offers. Raises ``Unavailable`` while it is not known what it is."""
        if self._found is None:
            return await self._standing.offer()
        return await self._found.capabilities()

    async def health(self) -> Health:
        """How it is."""
        if self._found is None:
            await self._standing.look()
        if self._found is None:
            return Health(ok=False, slots=0, problem=self._standing.problem)
        health = await self._found.health()
        kind = None if self._kind is None else self._kind.words
        return replace(health, device=health.device or kind)

    async def run(self, work: Work, after: int = 0) -> AsyncIterator[Event]:
        """The job's events."""
        if self._found is None:
            yield Failed(sequence=1, error=Unavailable(detail=self._standing.problem))
            return
        async for event in self._found.run(work, after):
            yield event

    async def cancel(self, job_id: JobId) -> None:
        """Stop that job and no other."""
        if self._found is not None:
            await self._found.cancel(job_id)

    async def aclose(self) -> None:
        """Ask no more, and close what was found."""
        await self._standing.aclose("the backend was closed")
        await self._wire.aclose()
        if self._found is not None:
            await self._found.aclose()

    async def _discover(self) -> Capabilities:
        if self._found is None:
            self._kind = await find_kind(self._wire)
            self._found = self._makers[self._kind]()
            _LOG.info("backend_found backend=%s kind=%s", self._name, self._kind)
        return await self._found.capabilities()

    async def _nothing_more(self) -> None:
        """What was found answers for itself."""
