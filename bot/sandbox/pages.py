"""The pages' sockets: each member hears of what they may see."""

from __future__ import annotations

import asyncio

from aiohttp import web

from bot.sandbox.core import Core
from bot.sandbox.dispatch import Frame
from bot.sandbox.events import (
    BotStatusEvent,
    ChannelEvent,
    CommandsEvent,
    Event,
    MessageEvent,
    ProgressEvent,
    ReactionEvent,
    TypingEvent,
)
from bot.sandbox.message import Message
from bot.sandbox.view import MemberView
from bot.sandbox.wire import JsonObject, encode


class Pages:
    """All open page sockets."""

    def __init__(self, core: Core, view: MemberView) -> None:
        self._core = core
        self._view = view
        self._open: set[_PageSocket] = set()
        core.world.bus.subscribe(self._on_event)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket to its end. Raises `ApiError` for an unknown user."""
        user_id = request.query.get("user") or self._core.world.people[0].id
        self._core.world.user(user_id)
        ws = web.WebSocketResponse(timeout=0.5)
        await ws.prepare(request)
        socket = _PageSocket(user_id)
        socket.push("HELLO", self._view.state(user_id))
        self._open.add(socket)
        writer = asyncio.create_task(socket.write(ws), name="sandbox-page-writer")
        try:
            async for _ in ws:
                pass
        finally:
            self._open.discard(socket)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return ws

    def _on_event(self, event: Event) -> None:
        for socket in tuple(self._open):
            frame = self._frame(event, socket.user_id)
            if frame is not None:
                socket.push(*frame)

    def _frame(self, event: Event, user_id: str) -> Frame | None:
        frame: Frame | None = None
        match event:
            case MessageEvent():
                frame = self._message(event.change, event.message, user_id)
            case ReactionEvent():
                frame = self._message("update", event.message, user_id)
            case ProgressEvent():
                frame = self._progress(event, user_id)
            case ChannelEvent():
                frame = self._channel(event, user_id)
            case CommandsEvent():
                frame = ("COMMANDS_UPDATE", {"commands": self._view.commands(user_id)})
            case BotStatusEvent():
                frame = ("BOT_STATUS", self._view.bot())
            case TypingEvent():
                frame = self._typing(event, user_id)
        return frame

    def _typing(self, event: TypingEvent, user_id: str) -> Frame | None:
        if event.user_id == user_id or not self._core.world.sees(user_id, event.channel):
            return None
        return "TYPING", {"channel_id": event.channel.id, "user_id": event.user_id}

    def _message(self, change: str, message: Message, user_id: str) -> Frame | None:
        channel = self._core.world.channels.get(message.channel_id)
        if channel is None or not message.visible_to(user_id):
            return None
        if not self._core.world.sees(user_id, channel):
            return None
        if change == "delete":
            return "MESSAGE_DELETE", {"id": message.id, "channel_id": message.channel_id}
        return f"MESSAGE_{change.upper()}", self._view.message(message, user_id)

    def _progress(self, event: ProgressEvent, user_id: str) -> Frame | None:
        if event.user_id != user_id:
            return None
        data: JsonObject = {
            "id": event.interaction_id,
            "nonce": event.nonce,
            "state": event.state,
            **event.detail,
        }
        if event.message is not None:
            data["message"] = self._view.message(event.message, user_id)
        return "INTERACTION", data

    def _channel(self, event: ChannelEvent, user_id: str) -> Frame | None:
        channel = event.channel
        if event.change == "delete":
            known = not channel.is_dm or user_id in channel.recipients
            return ("CHANNEL_DELETE", {"id": channel.id}) if known else None
        if not self._core.world.sees(user_id, channel):
            # What became invisible is gone, as far as this member is concerned.
            hidden = event.change == "update" and not channel.is_dm
            return ("CHANNEL_DELETE", {"id": channel.id}) if hidden else None
        return f"CHANNEL_{event.change.upper()}", self._view.channel(channel, user_id)


class _PageSocket:
    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self._outgoing: asyncio.Queue[JsonObject] = asyncio.Queue()

    def push(self, name: str, data: JsonObject) -> None:
        self._outgoing.put_nowait({"t": name, "d": data})

    async def write(self, ws: web.WebSocketResponse) -> None:
        while True:
            frame = await self._outgoing.get()
            try:
                await ws.send_str(encode(frame))
            except ConnectionError:
                return
