"""One WebSocket of the bot: framing, compression, limits and heartbeats."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from typing import Protocol

from aiohttp import WSMsgType, web

from bot.sandbox.clock import Clock, Timer
from bot.sandbox.wire import JsonObject, as_int, as_object, decode, encode

HEARTBEAT_MS = 41_250
_MOST_EVENTS, _EVENT_WINDOW = 120, 60.0
_PAYLOAD_LIMIT = 4096
# Closing without an answer from the other side must not hold the server's own end.
_CLOSE_TIMEOUT = 0.5


class Op:
    """Gateway opcodes."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    VOICE_STATE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    ACK = 11


class Refusal(Exception):
    """The gateway closes the connection with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Receiver(Protocol):
    """What takes the frames of a connection and hears of its end."""

    def receive(self, socket: GatewaySocket, op: int, data: JsonObject) -> None:
        """Take a frame that is no heartbeat. Raises `Refusal`."""

    def lost(self, socket: GatewaySocket, code: int | None) -> None:
        """Hear that the connection has ended, with the client's closing code if it gave one."""


class GatewaySocket:
    """One WebSocket of the bot. Frames are sent in order by a task of their own."""

    def __init__(
        self, request: web.Request, receiver: Receiver, clock: Clock, *, judged: bool
    ) -> None:
        self._request = request
        self._receiver = receiver
        self._clock = clock
        self._judged = judged
        self._ws = web.WebSocketResponse(timeout=_CLOSE_TIMEOUT, max_msg_size=64 * 1024)
        self._zlib = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self._outgoing: asyncio.Queue[JsonObject | Refusal] = asyncio.Queue()
        self._received: deque[float] = deque()
        self._watch: Timer | None = None

    def send(self, frame: JsonObject) -> None:
        """Send a frame, after those that wait already."""
        self._outgoing.put_nowait(frame)

    def refuse(self, code: int, reason: str) -> None:
        """Close the connection with a code, after the frames that wait already."""
        self._outgoing.put_nowait(Refusal(code, reason))

    def abort(self) -> None:
        """Cut the connection."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def serve(self) -> web.WebSocketResponse:
        """Run the connection."""
        await self._ws.prepare(self._request)
        writer = asyncio.create_task(self._write(), name="sandbox-gateway-writer")
        self.send({"op": Op.HELLO, "d": {"heartbeat_interval": HEARTBEAT_MS, "_trace": []}})
        self._expect_heartbeat()
        try:
            await self._read()
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            if self._watch is not None:
                self._watch.cancel()
            self._receiver.lost(self, self._ws.close_code)
        return self._ws

    async def _read(self) -> None:
        async for message in self._ws:
            if message.type is not WSMsgType.TEXT:
                self.refuse(4002, "Error while decoding payload.")
                continue
            try:
                self._take(message.data)
            except Refusal as refusal:
                self._outgoing.put_nowait(refusal)

    def _take(self, text: str) -> None:
        self._count()
        if len(text.encode()) > _PAYLOAD_LIMIT:
            raise Refusal(4002, "Payload size exceeds the maximum.")
        try:
            frame = as_object(decode(text))
        except ValueError:
            raise Refusal(4002, "Error while decoding payload.") from None
        op = as_int(frame.get("op"), -1)
        if op == Op.HEARTBEAT:
            self._expect_heartbeat()
            self.send({"op": Op.ACK})
        else:
            self._receiver.receive(self, op, as_object(frame.get("d")))

    def _count(self) -> None:
        now = self._clock.now()
        while self._received and now - self._received[0] >= _EVENT_WINDOW:
            self._received.popleft()
        self._received.append(now)
        if len(self._received) > _MOST_EVENTS:
            raise Refusal(4008, "Rate limited.")

    def _expect_heartbeat(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._judged:
            allowed = 1.5 * HEARTBEAT_MS / 1000
            self._watch = self._clock.call_later(
                allowed, lambda: self.refuse(4009, "Session timed out.")
            )

    async def _write(self) -> None:
        while True:
            frame = await self._outgoing.get()
            try:
                if isinstance(frame, Refusal):
                    await self._ws.close(code=frame.code, message=frame.reason.encode())
                    return
                await self._send_frame(encode(frame))
            except ConnectionError:
                return

    async def _send_frame(self, text: str) -> None:
        if self._zlib is None:
            await self._ws.send_str(text)
            return
        packed = self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        await self._ws.send_bytes(packed)
