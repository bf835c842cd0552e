"""One member's line to the page API: what is shown to them, waiting for it, and calls."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

import aiohttp

from bot.sandbox.parts import Parts
from bot.sandbox.seen import SeenMessage
from bot.sandbox.wire import Json, JsonObject, as_object, as_text, decode, encode

PATIENCE = 15.0
"""Seconds of real time after which waiting is given up: a guard against tests that hang."""


class ActionRefused(Exception):
    """Discord's client would not let the member do this."""

    def __init__(self, status: int, code: int, message: str, errors: Json) -> None:
        super().__init__(f"{code} {message} {json.dumps(errors) if errors else ''}".rstrip())
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors


class Connection(ABC):
    """Keeps what a member is shown, in ``seen``, ``frames`` and ``state``. First use connects."""

    def __init__(self, page_url: str, user_id: str, name: str) -> None:
        self.id = user_id
        self.seen: dict[str, SeenMessage] = {}
        self.frames: list[tuple[str, JsonObject]] = []
        self.state: JsonObject = {}
        self._task_name = f"member-{name}"
        self._base = page_url.rstrip("/")
        self._changed = asyncio.Condition()
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._listener: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def connect(self) -> Self:
        """Open the socket, once; from then on everything shown is kept in `seen`."""
        async with self._connecting:
            if self._listener is None:
                self._session = aiohttp.ClientSession()
                url = f"{self._base}/sandbox/api/socket?user={self.id}"
                self._socket = await self._session.ws_connect(url, max_msg_size=0)
                self._take((await self._socket.receive()).data)
                self._listener = asyncio.create_task(self._listen(), name=self._task_name)
        return self

    async def close(self) -> None:
        """Leave."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
            self._listener = None
        if self._socket is not None:
            await self._socket.close()
            self._socket = None
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def wait_for(
        self, predicate: Callable[[SeenMessage], bool], *, patience: float = PATIENCE
    ) -> SeenMessage:
        """Wait until a message that this member sees fits, and return it.

        Messages shown since connecting count, in the form they have now.
        """
        await self.connect()
        found: list[SeenMessage] = []

        def fits() -> bool:
            found.extend(item for item in self.seen.values() if predicate(item))
            return bool(found)

        await self.until(fits, patience=patience)
        return found[0]

    async def wait_for_frame(
        self,
        name: str,
        predicate: Callable[[JsonObject], bool] = lambda _: True,
        *,
        patience: float = PATIENCE,
    ) -> JsonObject:
        """Wait for a socket frame of that name, such as BOT_STATUS; past ones count."""
        await self.connect()
        found: list[JsonObject] = []

        def fits() -> bool:
            found.extend(data for kind, data in self.frames if kind == name and predicate(data))
            return bool(found)

        await self.until(fits, patience=patience)
        return found[0]

    async def until(self, reached: Callable[[], bool], *, patience: float = PATIENCE) -> None:
        """Wait until `reached`, asked again whenever something is shown; raises `TimeoutError`."""
        await self.connect()
        async with asyncio.timeout(patience), self._changed:
            await self._changed.wait_for(reached)

    @property
    def http(self) -> aiohttp.ClientSession:
        """The session of this member's requests. Raises ``RuntimeError`` once it has left."""
        if self._session is None:
            raise RuntimeError("this member has left")
        return self._session

    async def call(
        self, method: str, path: str, body: JsonObject | None = None, parts: Parts | None = None
    ) -> Json:
        """Ask the page API. Raises ``ActionRefused``."""
        await self.connect()
        url = f"{self._base}/sandbox/api{path}"
        full = None if body is None else {**body, "user": self.id}
        if full is not None and parts is not None and parts.files:
            sent = self.http.request(method, url, data=parts.form(full))
        elif full is not None:
            headers = {"Content-Type": "application/json"}
            sent = self.http.request(method, url, data=encode(full).encode(), headers=headers)
        else:
            sent = self.http.request(method, url)
        async with sent as response:
            text = await response.text()
            answer = decode(text) if text else None
            if response.status >= 400:
                raise _refused(response.status, as_object(answer))
            return answer

    @abstractmethod
    def progress(self, data: JsonObject) -> None:
        """Take note of how an interaction of this member stands."""

    async def _listen(self) -> None:
        if self._socket is None:
            return
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            async with self._changed:
                self._take(message.data)
                self._changed.notify_all()

    def _take(self, text: str) -> None:
        frame = as_object(decode(text))
        name, data = as_text(frame["t"]), as_object(frame["d"])
        self.frames.append((name, data))
        if name in {"MESSAGE_CREATE", "MESSAGE_UPDATE"}:
            self.seen[as_text(data["id"])] = SeenMessage(data)
        elif name == "MESSAGE_DELETE":
            self.seen.pop(as_text(data["id"]), None)
        elif name == "HELLO":
            self.state = data
        elif name == "BOT_STATUS":
            self.state["bot"] = data
        elif name == "COMMANDS_UPDATE":
            self.state["commands"] = data["commands"]
        elif name == "INTERACTION":
            self.progress(data)


def _refused(status: int, body: JsonObject) -> ActionRefused:
    code = body.get("code")
    return ActionRefused(
        status,
        code if isinstance(code, int) else 0,
        as_text(body.get("message"), f"status {status}"),
        body.get("errors"),
    )
