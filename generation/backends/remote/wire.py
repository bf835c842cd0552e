"""The line to one server: every request bounded in time and size, its login told to nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from generation.backends.remote import trouble
from generation.backends.remote.reply import Reply, Stream
from generation.backends.remote.server import Server
from generation.errors import BadReply

MOST_BYTES = 96 * 1024 * 1024
"""The longest answer that is read: some large pictures, as text."""

# Servers built on uvicorn hang up after five seconds; a request that crosses that is lost.
_KEEP_ALIVE = 4.0
_HEARTBEAT = 20.0
_CLOSING = 5.0

Query = Mapping[str, str | int | float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadlines:
    """Seconds until a request is given up: for the connection, between two pieces, in all.

    ``silence`` also bounds the wait for the answer's beginning: where a server says nothing until
    its picture is done, that is how long a picture may take.
    """

    connect: float = 5.0
    silence: float = 15.0
    total: float | None = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of a form: a value, or a file where it has a ``filename``."""

    name: str
    data: bytes = field(repr=False)
    filename: str | None = None
    media_type: str = "application/octet-stream"


class Socket:
    """An open WebSocket. What fails on it is a ``BackendError``."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, server: Server) -> None:
        self._socket = socket
        self._server = server

    async def send(self, text: str) -> None:
        """Send a text message."""
        try:
            await self._socket.send_str(text)
        except (aiohttp.ClientError, ConnectionError) as error:
            raise trouble.of_failure(error, self._server) from None

    async def receive(self) -> str | bytes | None:
        """The next message, None when the server has closed. Raises ``TimedOut`` on silence."""
        try:
            message = await self._socket.receive()
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise trouble.of_failure(error, self._server) from None
        if message.type is aiohttp.WSMsgType.TEXT or message.type is aiohttp.WSMsgType.BINARY:
            data: str | bytes = message.data
            return data
        if message.type is aiohttp.WSMsgType.ERROR:
            raise trouble.of_socket(message.data, self._server)
        return None


class Wire:
    """Requests to one server. Paths are below its address; other hosts are never asked.

    Answers of any status are handed over, but redirects are ``BadReply``: our login must not
    follow them. Everything else that goes wrong is a ``BackendError`` that names cause and mend.
    """

    def __init__(
        self, server: Server, *, deadlines: Deadlines | None = None, most_bytes: int = MOST_BYTES
    ) -> None:
        self.server = server
        self.deadlines = deadlines or Deadlines()
        self.most_bytes = most_bytes
        self._open: aiohttp.ClientSession | None = None
        self._is_closed = False

    async def get(
        self,
        path: str,
        *,
        query: Query | None = None,
        deadlines: Deadlines | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """What the server has there."""
        async with self.stream(
            path, method="GET", query=query, deadlines=deadlines, headers=headers
        ) as stream:
            return await stream.whole()

    async def post(
        self,
        path: str,
        *,
        json: object = None,
        form: Sequence[Part] | None = None,
        query: Query | None = None,
        deadlines: Deadlines | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The answer to a JSON body, or to a form; to an empty body without either."""
        async with self.stream(
            path, json=json, form=form, query=query, deadlines=deadlines, headers=headers
        ) as stream:
            return await stream.whole()

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        method: str = "POST",
        json: object = None,
        form: Sequence[Part] | None = None,
        query: Query | None = None,
        deadlines: Deadlines | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Stream]:
        """An answer that is read as it comes: lines, server-sent events, or all of it."""
        data, sent = await _body(json, form)
        try:
            async with self._session().request(
                method,
                self._url(path),
                params=query,
                data=data,
                headers=self.server.login() | sent | dict(headers or {}),
                timeout=_timeout(deadlines or self.deadlines),
            ) as response:
                yield Stream(response, self.server, self.most_bytes)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # Not chained: aiohttp's errors hold the request's headers, and so our login.
            raise trouble.of_failure(error, self.server) from None

    @asynccontextmanager
    async def websocket(
        self,
        path: str,
        *,
        query: Query | None = None,
        deadlines: Deadlines | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Socket]:
        """A WebSocket, closed at the end of the block."""
        patience = deadlines or self.deadlines
        try:
            async with asyncio.timeout(patience.connect + patience.silence):
                socket = await self._session().ws_connect(
                    self._url(path),
                    params=query,
                    headers=self.server.login() | dict(headers or {}),
                    timeout=aiohttp.ClientWSTimeout(ws_receive=patience.silence, ws_close=_CLOSING),
                    heartbeat=_HEARTBEAT,
                    max_msg_size=self.most_bytes,
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise trouble.of_failure(error, self.server) from None
        try:
            yield Socket(socket, self.server)
        finally:
            await socket.close()

    async def aclose(self) -> None:
        """Close every connection. May be done twice."""
        self._is_closed = True
        if self._open is not None:
            await self._open.close()

    def _url(self, path: str) -> str:
        url = self.server.url_of(path)
        if url is None:
            raise trouble.led_elsewhere(self.server).bad_reply()
        return url

    def _session(self) -> aiohttp.ClientSession:
        """Opened with the first request: it belongs to the event loop that runs then."""
        if self._is_closed:
            raise trouble.closed().unavailable()
        if self._open is None:
            self._open = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self.server.verifies, keepalive_timeout=_KEEP_ALIVE, limit=0
                ),
                # Also for servers that are known by their IP address.
                cookie_jar=aiohttp.CookieJar(unsafe=True),
                # A packed answer could be far larger than it looks; pictures do not pack.
                headers={"Accept-Encoding": "identity", "User-Agent": "Easel"},
                middlewares=(_stay,),
                trust_env=False,
            )
        return self._open


async def _stay(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Follow no redirect, neither of a request nor of a WebSocket's beginning."""
    response = await handler(request)
    if 300 <= response.status < 400:
        response.close()
        raise trouble.Redirected
    return response


def _timeout(deadlines: Deadlines) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=deadlines.total,
        connect=deadlines.connect,
        sock_connect=deadlines.connect,
        sock_read=deadlines.silence,
    )


async def _body(
    value: object, form: Sequence[Part] | None
) -> tuple[bytes | aiohttp.FormData | None, dict[str, str]]:
    if form is not None:
        data = aiohttp.FormData(default_to_multipart=True)
        for part in form:
            if part.filename is None:
                data.add_field(part.name, part.data.decode())
            else:
                data.add_field(
                    part.name, part.data, filename=part.filename, content_type=part.media_type
                )
        return data, {}
    if value is None:
        return None, {}
    # Beside the loop: pictures inside make it megabytes.
    return await asyncio.to_thread(_encoded, value), {"Content-Type": "application/json"}


def _encoded(value: object) -> bytes:
    try:
        return json.dumps(value, allow_nan=False).encode()
    except ValueError:
        raise BadReply(detail="a request held a number that JSON cannot carry") from None
