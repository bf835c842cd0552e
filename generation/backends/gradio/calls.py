"""One call of a function, in whatever way the app's version has it, as one stream of messages.

The ways: a WebSocket (Gradio 3), an event stream that asks for the data (4.0 to 4.8), a post and
an event stream (4.9 and later), the documented /call where an app keeps its configuration to
itself, and /run for functions of Gradio 3 that have no queue.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import NoReturn

from generation.backends.gradio import refusals
from generation.backends.gradio.app import App, Endpoint
from generation.backends.remote import values
from generation.backends.remote.reply import Stream
from generation.backends.remote.wire import Deadlines, Wire
from generation.errors import BadReply

CALL = "call"
"""The protocol of an app that is known by its /info alone."""

_HEARTBEAT = 75.0  # from 4.9 on something comes every 15 seconds
_START = 30.0  # a broken Gradio 3 says nothing more once it has the data
_LARGE = 64 * 1024
_QUEUE_FULL = "queue_full"

Message = Mapping[str, object]
_Way = Callable[[Wire, App, "Call"], AsyncGenerator[Message, None]]


@dataclass(kw_only=True, slots=True)
class Call:
    """A call, and what stopping it needs. Streams belong to a session, so each has its own.

    ``longest`` is how many seconds a way without signs of life may be silent.
    """

    endpoint: Endpoint
    data: list[object] = field(repr=False)
    longest: float
    session: str = field(default_factory=lambda: secrets.token_hex(12))
    event: str | None = None
    is_running: bool = False

    def hash(self) -> dict[str, str | int]:
        """Which function it is for, and which session it belongs to."""
        return {"fn_index": self.endpoint.number, "session_hash": self.session}

    def body(self) -> dict[str, object]:
        """Every field that any version knows: Gradio before 3.36.1 with Pydantic 2 wants all."""
        return {"data": self.data, "event_data": None, "event_id": self.event, **self.hash()}


async def messages(wire: Wire, app: App, call: Call) -> AsyncGenerator[Message, None]:
    """What the app says of the call, the last one ``process_completed``.

    Raises ``BackendError`` when it does not accept the call, or falls silent before its end.
    """
    way = _way(app, call.endpoint)
    async with aclosing(way(wire, app, call)) as told:
        async for message in told:
            kind = message.get("msg")
            if kind == _QUEUE_FULL:
                raise refusals.full(wire.server)
            if kind == "unexpected_error":
                raise refusals.stopped(wire.server).unavailable()
            if kind == "process_starts":
                call.is_running = True
            yield message
            if kind == "process_completed":
                return
    raise refusals.lost(wire.server).unavailable()


async def stop(wire: Wire, app: App, call: Call) -> None:
    """Have the app stop a call that runs. Its stream must be closed as well.

    Not for a call that only waits: 4.44 to 5 say yes and run it all the same. Gradio 3 has no
    other way than closing the stream.
    """
    if call.event is None:
        return
    path = "cancel" if app.has_cancel else "reset"
    await wire.post(f"{app.prefix}/{path}", json={"event_id": call.event, **call.hash()})


def _way(app: App, endpoint: Endpoint) -> _Way:
    if app.protocol == CALL:
        return _by_documented_call
    if app.protocol == "ws":
        return _by_socket if endpoint.is_queued else _by_run
    return _by_asked_stream if app.protocol == "sse" else _by_post_and_stream


async def _by_post_and_stream(wire: Wire, app: App, call: Call) -> AsyncGenerator[Message, None]:
    reply = await wire.post(f"{app.prefix}/queue/join", json=call.body())
    if not reply.is_ok:
        raise refusals.of_reply(reply, app)
    call.event = _event(reply.json())
    query = {"session_hash": call.session}
    async with wire.stream(
        f"{app.prefix}/queue/data", method="GET", query=query, deadlines=_patient(wire, _HEARTBEAT)
    ) as stream:
        await _require(stream, app)
        async for message in _events(stream):
            if message.get("event_id") in {None, call.event}:
                yield message


async def _by_asked_stream(wire: Wire, app: App, call: Call) -> AsyncGenerator[Message, None]:
    """4.0 to 4.8: the stream asks for the data when the job's turn has come."""
    deadlines = _patient(wire, call.longest)
    async with wire.stream(
        f"{app.prefix}/queue/join", method="GET", query=call.hash(), deadlines=deadlines
    ) as stream:
        await _require(stream, app)
        async for message in _events(stream):
            if message.get("msg") == "send_data":
                call.event = _event(message)
                reply = await wire.post(f"{app.prefix}/queue/data", json=call.body())
                if not reply.is_ok:
                    raise refusals.of_reply(reply, app)
            else:
                yield message


async def _by_socket(wire: Wire, app: App, call: Call) -> AsyncGenerator[Message, None]:
    """Gradio 3: the server asks for the session, then for the data, then reports."""
    async with wire.websocket(
        f"{app.prefix}/queue/join", deadlines=_patient(wire, call.longest)
    ) as socket:
        has_sent = False
        while True:
            try:
                async with asyncio.timeout(_START if has_sent and not call.is_running else None):
                    received = await socket.receive()
            except TimeoutError:
                raise refusals.fell_silent(wire.server, app).bad_reply() from None
            if received is None:
                return
            message = await _parsed(received)
            match message.get("msg"):
                case "send_hash":
                    await socket.send(json.dumps(call.hash()))
                case "send_data":
                    await socket.send(await asyncio.to_thread(json.dumps, call.body()))
                    has_sent = True
                case _:
                    yield message


async def _by_run(wire: Wire, app: App, call: Call) -> AsyncGenerator[Message, None]:
    """A function of Gradio 3 without a queue: the answer is the result."""
    call.is_running = True
    deadlines = _patient(wire, call.longest)
    reply = await wire.post(f"{app.prefix}/run/predict", json=call.body(), deadlines=deadlines)
    if reply.is_ok:
        output = await reply.read_json()
        yield {"msg": "process_completed", "success": True, "output": output}
    elif reply.status == 500 and (failed := refusals.failed_output(reply)) is not None:
        yield {"msg": "process_completed", "success": False, "output": failed}
    else:
        raise refusals.of_reply(reply, app)


async def _by_documented_call(wire: Wire, app: App, call: Call) -> AsyncGenerator[Message, None]:
    """The way of Gradio's guide: a post gives an event, the event's stream is read once."""
    path = f"{app.prefix}/call/{call.endpoint.name}"
    reply = await wire.post(path, json={"data": call.data})
    if not reply.is_ok:
        raise refusals.of_reply(reply, app)
    call.event = _event(reply.json())
    call.is_running = True
    async with wire.stream(
        f"{path}/{call.event}", method="GET", deadlines=_patient(wire, _HEARTBEAT)
    ) as stream:
        await _require(stream, app)
        async for event in stream.events():
            data = await _value(event.data)
            match event.name:
                case "generating":
                    yield {"msg": "process_generating", "output": {"data": data}}
                case "complete":
                    yield {"msg": "process_completed", "success": True, "output": {"data": data}}
                case "error":
                    yield {"msg": "process_completed", "success": False, "output": data}
                case _:
                    continue


async def _events(stream: Stream) -> AsyncIterator[Message]:
    async for event in stream.events():
        yield await _parsed(event.data)


async def _require(stream: Stream, app: App) -> None:
    if not stream.is_ok or stream.media_type != "text/event-stream":
        reply = await stream.whole()
        raise refusals.of_reply(reply, app)


async def _parsed(written: str | bytes) -> Message:
    return values.mapping(await _value(written), "message")


async def _value(written: str | bytes) -> object:
    """JSON, read beside the loop where pictures make it long."""
    try:
        if len(written) < _LARGE:
            value = _json(written)
        else:
            value = await asyncio.to_thread(_json, written)
    except (ValueError, RecursionError):
        raise BadReply(detail="the app's stream holds something that cannot be read") from None
    return value


def _json(written: str | bytes) -> object:
    value: object = json.loads(written, parse_constant=_no_constant)
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _event(value: object) -> str:
    return values.text(values.mapping(value, "ticket").get("event_id"), "ticket")


def _patient(wire: Wire, silence: float) -> Deadlines:
    return replace(wire.deadlines, silence=silence, total=None)
