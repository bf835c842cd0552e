"""What loopback servers of every protocol share: an engine that draws, and ways to misbehave."""

from __future__ import annotations

import asyncio
import io
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp import web
from PIL import Image

from generation.backends.base import Backend
from generation.backends.remote.server import Server
from tests.servers.loopback import served


class Fault(StrEnum):
    """How a request for pictures ends instead of well. The engine may draw all the same."""

    SILENT = "says nothing at all"
    SILENT_LATER = "says nothing after its headers"
    PAGE = "answers with a web page and status 200"
    GARBAGE = "answers with something that is not its protocol"
    NOT_A_NUMBER = "answers with NaN"
    TRUNCATED = "sends half a picture"
    NO_PICTURE = "sends bytes that are no picture"
    WRONG_SIZE = "sends a picture of another size"
    TOO_FEW = "sends fewer pictures than were asked for"
    REDIRECT = "redirects to a login page"
    ENDLESS = "sends without end"
    DIES = "hangs up in the middle"
    NO_MEMORY = "has no memory for it"
    REFUSES = "does not accept the settings"


class Interrupted(Exception):
    """Somebody had the engine stop."""


@dataclass(kw_only=True)
class Drawing:
    """What the engine is drawing now."""

    key: str
    steps: int
    step: int = 0
    interrupted: bool = False


@dataclass(kw_only=True)
class Engine:
    """Draws one picture after another, in the order of arrival, whatever the caller does.

    While ``held`` it takes no step. ``began`` lists the keys of everything that it began.
    """

    step_seconds: float = 0.004
    now: Drawing | None = None
    waiting: list[str] = field(default_factory=list)
    began: list[str] = field(default_factory=list)
    was_interrupted: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.free.set()

    async def draw(self, key: str, steps: int) -> bool:
        """Take all those steps; False when it was interrupted."""
        self.waiting.append(key)
        await self._tell()
        async with self.lock:
            self.waiting.remove(key)
            self.began.append(key)
            self.now = drawing = Drawing(key=key, steps=steps)
            self.was_interrupted = False
            try:
                for _ in range(steps):
                    await self._tell()
                    await asyncio.sleep(self.step_seconds)
                    if not drawing.interrupted:
                        await self.free.wait()
                    if drawing.interrupted:
                        self.was_interrupted = True
                        return False
                    drawing.step += 1
                return True
            finally:
                self.now = None
                await self._tell()

    def hold(self) -> None:
        """Take no further step until ``release``."""
        self.free.clear()

    def release(self) -> None:
        """Go on."""
        self.free.set()

    def interrupt(self) -> None:
        """Stop what runs now, whosever it is."""
        if self.now is not None:
            self.now.interrupted = True
            self.free.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once that is so; looked at with every step."""
        async with self.changed:
            await self.changed.wait_for(holds)

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


class Twin(ABC):
    """A server of some protocol on loopback, and how Easel is told of it.

    ``fault`` befalls every request for pictures until it is taken back. ``cannot`` are those that
    have no meaning in this protocol. One that ``can_be_halted`` stops a job that runs. ``seen`` are
    the requests' headers.
    """

    cannot: frozenset[Fault] = frozenset()
    can_be_halted: bool = True

    def __init__(self) -> None:
        self.engine = Engine()
        self.fault: Fault | None = None
        self.url = ""
        self.seen: list[dict[str, str]] = []

    @abstractmethod
    def app(self) -> web.Application:
        """The server itself."""

    @abstractmethod
    def backend(self, name: str, server: Server, **settings: object) -> Backend:
        """Easel's side of it. ``settings`` are ``patience`` and ``deadlines``."""

    @asynccontextmanager
    async def running(self, *, port: int = 0) -> AsyncIterator[str]:
        """Its address while it runs."""
        app = self.app()
        app.middlewares.append(self._write_down)
        async with served(app, port=port) as self.url:
            yield self.url

    @web.middleware
    async def _write_down(
        self, request: web.Request, handler: Callable[[web.Request], object]
    ) -> web.StreamResponse:
        self.seen.append(dict(request.headers))
        response = await handler(request)  # type: ignore[misc]
        assert isinstance(response, web.StreamResponse)
        return response

    async def misbehave(self, request: web.Request) -> web.StreamResponse:
        """The answer of a fault that does not depend on the protocol."""
        match self.fault:
            case Fault.SILENT:
                await asyncio.Event().wait()
            case Fault.PAGE:
                return web.Response(text="<!doctype html><p>Welcome", content_type="text/html")
            case Fault.GARBAGE:
                return web.Response(text="\x00\x01", content_type="application/json")
            case Fault.NOT_A_NUMBER:
                return web.Response(text='{"images": NaN}', content_type="application/json")
            case Fault.REDIRECT:
                raise web.HTTPFound("/login")
            case Fault.DIES:
                assert request.transport is not None
                request.transport.abort()
        response = web.StreamResponse()
        await response.prepare(request)
        while self.fault is Fault.ENDLESS:
            await response.write(b" " * 65536)
        if self.fault is Fault.SILENT_LATER:
            await asyncio.Event().wait()
        return response


WHOLE_ANSWERS = frozenset(
    {
        Fault.SILENT,
        Fault.SILENT_LATER,
        Fault.PAGE,
        Fault.GARBAGE,
        Fault.NOT_A_NUMBER,
        Fault.REDIRECT,
        Fault.ENDLESS,
        Fault.DIES,
    }
)
"""Faults that ``Twin.misbehave`` answers with."""


def painted(size: tuple[int, int], seed: int, *, below: bytes | None = None) -> bytes:
    """A PNG that depends on the seed alone, or also on the picture that it started from."""
    chance = random.Random(seed)
    picture = Image.new("RGB", size, tuple(chance.randrange(256) for _ in range(3)))
    if below is not None:
        with Image.open(io.BytesIO(below)) as opened:
            picture = Image.blend(opened.convert("RGB").resize(size), picture, 0.5)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def spoiled(fault: Fault | None, size: tuple[int, int], seed: int) -> bytes | None:
    """The bytes of a picture under a fault that is about its bytes; None for any other."""
    match fault:
        case Fault.TRUNCATED:
            whole = painted(size, seed)
            return whole[: len(whole) // 2]
        case Fault.NO_PICTURE:
            return b"not a picture at all"
        case Fault.WRONG_SIZE:
            return painted((size[0] + 8, size[1]), seed)
        case _:
            return None
