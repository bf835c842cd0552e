"""The calls of a ComfyUI server's HTTP API that are used, as methods."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from urllib.parse import quote

from generation.backends.comfyui import words
from generation.backends.comfyui.graph import Graph
from generation.backends.comfyui.object_info import NodeInfo, ObjectInfo, read_node
from generation.backends.remote import trouble, values
from generation.backends.remote.reply import Reply
from generation.backends.remote.wire import Deadlines, Part, Socket, Wire
from generation.errors import BadReply

FOLDER = "easel"
"""Where members' pictures lie among a server's inputs. May be emptied whenever nothing runs."""

_AT_ONCE = 8
_UNKNOWN = frozenset({404, 405})


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """What a server says of itself."""

    version: str
    device: str


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A picture on the server, as it names it."""

    filename: str
    subfolder: str
    type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The ids of the prompts that run and that wait, whoever sent them."""

    running: frozenset[str]
    pending: frozenset[str]

    def __contains__(self, prompt: str) -> bool:
        return prompt in self.running or prompt in self.pending


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """How a prompt ended: its pictures by node, or the error, or that it was interrupted."""

    files: Mapping[str, tuple[File, ...]] = field(default_factory=dict)
    error: Mapping[str, object] | None = None
    interrupted: bool = False


class Api:
    """One server's API. Everything raises ``BackendError`` with cause and mend."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def system(self) -> System:
        """Its version, and what it computes on."""
        body = await self._json(await self._wire.get("system_stats"), "description of the system")
        system = body.get("system")
        if not isinstance(system, dict):
            raise BadReply(detail=f"{self._wire.server.url} answers, but is no ComfyUI server")
        devices = [*values.mappings(body.get("devices", []), "devices")]
        return System(
            version=values.field_text(system, "comfyui_version") or "of an unknown version",
            device=values.field_text(devices[0], "name") if devices else "",
        )

    async def object_info(self, kinds: Iterable[str]) -> ObjectInfo:
        """What it says of these classes of nodes; all of them at once would be megabytes."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def ask(kind: str) -> NodeInfo | None:
            async with gate:
                reply = await self._wire.get(f"object_info/{quote(kind, safe='')}")
            return read_node(kind, await self._json(reply, "description of a node"))

        nodes = await asyncio.gather(*(ask(kind) for kind in sorted(kinds)))
        return ObjectInfo({node.kind: node for node in nodes if node is not None})

    async def line(self) -> Line:
        """What runs and what waits."""
        body = await self._json(await self._wire.get("queue"), "queue")
        return Line(
            running=_ids(body.get("queue_running")), pending=_ids(body.get("queue_pending"))
        )

    def events(self, client: str, deadlines: Deadlines) -> AbstractAsyncContextManager[Socket]:
        """The socket on which that client is told of its prompts."""
        return self._wire.websocket("ws", query={"clientId": client}, deadlines=deadlines)

    async def upload(self, png: bytes, name: str) -> str:
        """Put a picture among the server's inputs; returns the name under which it is there."""
        form = [
            Part(name="image", data=png, filename=name, media_type="image/png"),
            Part(name="type", data=b"input"),
            Part(name="subfolder", data=FOLDER.encode()),
            Part(name="overwrite", data=b"true"),
        ]
        reply = await self._wire.post("upload/image", form=form)
        body = await self._json(reply, "answer to an upload")
        given = values.text(body.get("name"), "name of an upload")
        folder = values.field_text(body, "subfolder")
        return f"{folder}/{given}" if folder else given

    async def submit(self, graph: Graph, *, prompt: str, client: str, workflow: str) -> None:
        """Queue a graph under that id. Raises ``Rejected`` with the reasons."""
        body = {"prompt": graph.prompt(), "prompt_id": prompt, "client_id": client}
        reply = await self._wire.post("prompt", json=body)
        if not reply.is_ok:
            raise words.of_answer(reply, workflow)
        answer = values.mapping(reply.json(), "answer to a workflow")
        if answer.get("prompt_id") != prompt:
            # A server of before 2024 chooses the id itself: its events could not be told apart.
            raise BadReply(detail=f"{self._wire.server.url} is too old: it ignores prompt_id")
        if answer.get("node_errors"):
            await self.remove(prompt)
            raise words.of_refusal(answer, workflow)

    async def history(self, prompt: str) -> History | None:
        """How a prompt ended; None while it has not, and for one that is not known."""
        body = await self._json(await self._wire.get(f"history/{prompt}"), "history")
        entry = body.get(prompt)
        return _history(entry) if isinstance(entry, dict) else None

    async def fetch(self, file: File) -> bytes:
        """A picture's bytes."""
        query = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}
        reply = await self._wire.get("view", query=query)
        if not reply.is_ok:
            raise BadReply(detail=f"a picture that was announced is not there ({reply.status})")
        return reply.body

    async def remove(self, prompt: str) -> None:
        """Take one prompt out of the line, or interrupt it where it runs; no other is touched."""
        reply = await self._wire.post(f"api/jobs/{prompt}/cancel")
        if reply.status not in _UNKNOWN:
            return
        line = await self.line()
        if prompt in line.pending:
            await self._wire.post("queue", json={"delete": [prompt]})
        elif prompt in line.running:
            # Very old servers ignore the id and stop what runs; but that is this one.
            await self._wire.post("interrupt", json={"prompt_id": prompt})

    async def _json(self, reply: Reply, what: str) -> dict[str, object]:
        if not reply.is_ok:
            found = trouble.of_status(reply.status, reply.server)
            if found is not None:
                raise found.unavailable()
            raise BadReply(detail=f"{reply.server.url} answers with status {reply.status}")
        return values.mapping(await reply.read_json(), what)


def _ids(line: object) -> frozenset[str]:
    """Each entry is ``[number, prompt id, graph, …]``."""
    entries = line if isinstance(line, list) else []
    return frozenset(
        entry[1]
        for entry in entries
        if isinstance(entry, list) and len(entry) > 1 and isinstance(entry[1], str)
    )


def _history(entry: Mapping[str, object]) -> History:
    status = entry.get("status")
    messages = status.get("messages") if isinstance(status, dict) else None
    told = {
        message[0]: message[1]
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, list) and len(message) > 1 and isinstance(message[1], dict)
    }
    outputs = entry.get("outputs")
    files = {
        str(node): tuple(_files(output))
        for node, output in (outputs.items() if isinstance(outputs, dict) else ())
    }
    return History(
        files=files,
        error=told.get("execution_error"),
        interrupted="execution_interrupted" in told,
    )


def _files(output: object) -> Iterable[File]:
    images = output.get("images") if isinstance(output, dict) else None
    for image in images if isinstance(images, list) else ():
        if isinstance(image, dict):
            name = values.field_text(image, "filename")
            folder = values.field_text(image, "subfolder")
            yield File(filename=name, subfolder=folder, type=values.field_text(image, "type"))
