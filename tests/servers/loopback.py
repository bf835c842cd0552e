"""Servers on loopback: any aiohttp application, or a socket that behaves as no server should."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(app: web.Application, *, port: int = 0) -> AsyncIterator[str]:
    """The address at which the application answers while the block runs."""
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    try:
        _, bound, *_ = runner.addresses[0]
        yield f"http://127.0.0.1:{bound}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw(handle: Handler) -> AsyncIterator[str]:
    """The address at which every connection is handled by hand, byte by byte."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def deaf_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
