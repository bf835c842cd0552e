"""The calls of an OpenAI-style server that are used: its models, and requests for pictures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urljoin, urlsplit

from generation.backends.openai_images import refusals
from generation.backends.openai_images.replies import (
    Answer,
    Failure,
    Partial,
    read_answer,
    read_event,
)
from generation.backends.openai_images.requests import Call
from generation.backends.remote import trouble, values
from generation.backends.remote.reply import Stream
from generation.backends.remote.server import Server
from generation.backends.remote.wire import Deadlines, Wire
from generation.clock import Clock
from generation.errors import BackendError, BadReply

Shown = Callable[[bytes], Awaitable[None]]

_VERSION = "/v1"
_STREAM = "text/event-stream"


class Api:
    """One server. ``hosts`` are others whose pictures may be fetched, without any login."""

    def __init__(
        self, wire: Wire, *, hosts: frozenset[str], patience: Deadlines, clock: Clock
    ) -> None:
        self._wire = wire
        self._hosts = hosts
        self._patience = patience
        self._clock = clock
        # The address may or may not end in what every path begins with.
        self._prefix = "" if wire.server.url.endswith(_VERSION) else f"{_VERSION[1:]}/"

    async def cards(self) -> list[dict[str, object]]:
        """What the server says of each of its models."""
        reply = await self._wire.get(f"{self._prefix}models")
        if not reply.is_ok:
            found = trouble.of_status(reply.status, reply.server)
            raise found.unavailable() if found else refusals.of_reply(reply, self._clock.now())
        body = values.mapping(await reply.read_json(), "list of models")
        return [*values.mappings(body.get("data"), "list of models")]

    async def ask(self, call: Call, shown: Shown) -> Answer:
        """Have it draw; ``shown`` is given pictures that are not finished yet."""
        form = call.form()
        async with self._wire.stream(
            f"{self._prefix}{call.path}",
            json=None if form else dict(call.fields),
            form=form,
            deadlines=self._patience,
        ) as stream:
            if stream.is_ok and stream.media_type == _STREAM:
                return await self._streamed(stream, shown)
            reply = await stream.whole()
        if not reply.is_ok:
            raise refusals.of_reply(reply, self._clock.now())
        return read_answer(await reply.read_json())

    async def fetch(self, url: str) -> bytes:
        """A picture that an answer names by its URL, from the server or an allowed host alone."""
        whole = urljoin(f"{self._wire.server.url}/", url)
        if self._wire.server.url_of(whole) is not None:
            return await _fetched(self._wire, whole)
        if (urlsplit(whole).hostname or "") not in self._hosts:
            raise trouble.led_elsewhere(self._wire.server).bad_reply()
        try:
            origin = Server.at(f"{urlsplit(whole).scheme}://{urlsplit(whole).netloc}")
        except ValueError:
            raise trouble.led_elsewhere(self._wire.server).bad_reply() from None
        other = Wire(origin)
        try:
            return await _fetched(other, whole)
        finally:
            await other.aclose()

    async def _streamed(self, stream: Stream, shown: Shown) -> Answer:
        """The picture that ends a stream."""
        async for event in stream.events():
            match read_event(event.data):
                case Partial(data=data):
                    await shown(data)
                case Answer() as answer:
                    return answer
                case Failure(error=error):
                    raise refusals.of_error(error) or _failed(error)
        raise BadReply(detail=f"{self._wire.server.url} ended its stream without a picture")


async def _fetched(wire: Wire, url: str) -> bytes:
    reply = await wire.get(url)
    if not reply.is_ok:
        raise BadReply(detail=f"a picture that was announced is not there ({reply.status})")
    return reply.body


def _failed(error: Mapping[str, object]) -> BackendError:
    return BackendError(detail=f"the stream ended with {refusals.words_of(error)}")
