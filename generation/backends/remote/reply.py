"""What a server answered: read within bounds, and taken for nothing but bytes until checked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import aiohttp

from generation.backends.remote import trouble
from generation.backends.remote.server import Server

_CHUNK = 64 * 1024
_OK = range(200, 300)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A whole answer. ``headers`` have names in lower case."""

    server: Server
    status: int
    media_type: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_ok(self) -> bool:
        """Whether the status says so."""
        return self.status in _OK

    @property
    def is_page(self) -> bool:
        """Whether it is a web page, whatever the server calls it."""
        head = self.body[:256].lstrip().lower()
        return self.media_type == "text/html" or head.startswith((b"<!doctype html", b"<html"))

    def json(self) -> object:
        """The value. Raises ``BadReply`` for a page, for garbage, and for NaN and infinities."""
        if self.is_page:
            raise trouble.a_page(self.server).bad_reply()
        try:
            value: object = json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise trouble.no_json(self.server).bad_reply() from None
        return value

    async def read_json(self) -> object:
        """``json`` beside the loop, for answers that are megabytes long."""
        return await asyncio.to_thread(self.json)


@dataclass(frozen=True, kw_only=True, slots=True)
class SentEvent:
    """A server-sent event; ``name`` is "message" where the server gave none."""

    name: str
    data: str = field(repr=False)


class Stream:
    """An answer that is still coming in. Read it in one of its ways, once."""

    def __init__(self, response: aiohttp.ClientResponse, server: Server, most_bytes: int) -> None:
        self.status = response.status
        self.media_type = response.content_type
        self._response = response
        self._server = server
        self._most_bytes = most_bytes

    @property
    def is_ok(self) -> bool:
        """Whether the status says so."""
        return self.status in _OK

    async def whole(self) -> Reply:
        """All of it. Raises ``BadReply`` when it is too long."""
        body = bytearray()
        async for piece in self._pieces():
            body += piece
            if len(body) > self._most_bytes:
                raise trouble.too_long(self._server).bad_reply()
        headers = {name.lower(): value for name, value in self._response.headers.items()}
        return Reply(
            server=self._server,
            status=self.status,
            media_type=self.media_type,
            body=bytes(body),
            headers=headers,
        )

    async def lines(self) -> AsyncIterator[str]:
        """Each line without its end. One may be as long as an answer may be.

        aiohttp's own line reading ends at 64 kB, which a picture in an event exceeds.
        """
        rest = bytearray()
        async for piece in self._pieces():
            *ends, last = piece.split(b"\n")
            for end in ends:
                rest += end
                yield _text(rest)
                rest.clear()
            rest += last
            if len(rest) > self._most_bytes:
                raise trouble.too_long(self._server).bad_reply()
        if rest:
            yield _text(rest)

    async def events(self) -> AsyncIterator[SentEvent]:
        """Server-sent events, by the HTML standard's section 9.2; comments are left out."""
        name, length = "", 0
        data: list[str] = []
        async for line in self.lines():
            if not line:
                if data:
                    yield SentEvent(name=name or "message", data="\n".join(data))
                name, length = "", 0
                data.clear()
                continue
            key, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if key == "event":
                name = value
            elif key == "data":
                data.append(value)
                length += len(value)
                if length > self._most_bytes:
                    raise trouble.too_long(self._server).bad_reply()

    async def _pieces(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._response.content.iter_chunked(_CHUNK):
                yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise trouble.of_failure(error, self._server) from None


def _text(line: bytearray) -> str:
    return line.decode("utf-8", "replace").removesuffix("\r")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
