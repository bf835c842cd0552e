"""Gradio apps on loopback, one for each way in which the versions are spoken to.

What they say of themselves was recorded from real apps; how they answer was seen at real ones, by
the tests in ``tests/real`` among others.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import copy
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from generation.backends.gradio.backend import GradioBackend
from generation.backends.remote.server import Server
from generation.types import SEED_MAX
from tests.generation.backends.gradio.recordings import recorded
from tests.servers.twin import WHOLE_ANSWERS, Fault, Twin, painted, spoiled

USER, PASSWORD = "ada", "hunter2"
SEED, IMAGE = 6, 8
NO_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB"
REFUSAL = "'These settings do not go together.'"
_LOOK_SECONDS = 0.02

Message = dict[str, Any]
Tell = Callable[[Message], Awaitable[None]]


@dataclass(kw_only=True)
class Job:
    """A call. ``told`` are the messages for the stream of its session."""

    event: str
    data: list[Any]
    told: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    playing: asyncio.Task[None] | None = None
    is_running: bool = False
    last: list[Any] | None = None


class GradioTwin(Twin):
    """Gradio 6: a post, then an event stream of what changed.

    ``submitted`` are the bodies of all calls. With ``yields`` its functions give pictures on their
    way; without, they cannot be stopped.
    """

    version = "6.31.0"
    recording = "6.31.0"
    protocol = "sse_v3"
    sends_changes = True
    yields = True
    # An app draws in whatever size it likes, and says so by its picture.
    cannot = frozenset({Fault.WRONG_SIZE})

    def __init__(self, *, password: str | None = None, full: bool = False) -> None:
        super().__init__()
        self.can_be_halted = self.yields
        self.password = password
        self.full = full
        self.hides_config = False
        self.submitted: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.files: dict[str, bytes] = {}
        self.jobs: dict[str, Job] = {}
        self.numbers = itertools.count(1)
        self.loose: set[asyncio.Task[Any]] = set()

    @property
    def prefix(self) -> str:
        return str(self.config().get("api_prefix") or "")

    def backend(self, name: str, server: Server, **settings: Any) -> GradioBackend:
        return GradioBackend(name, server, **settings)

    def config(self) -> dict[str, Any]:
        """The usual Space, but that any seed may be asked for, so that seeds can be compared."""
        config: dict[str, Any] = copy.deepcopy(recorded(self.recording, "space")[0])
        config["version"] = self.version
        if self.protocol != "ws":
            config["protocol"] = self.protocol
        components = {part["id"]: part for part in config["components"]}
        for dependency in config["dependencies"]:
            dependency["types"]["generator"] = self.yields
            seed = components[dependency["inputs"][SEED]]["props"]
            seed.update(label="Seed", maximum=SEED_MAX)
        return config

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[self._admit])
        app.router.add_get("/config", self._config)
        app.router.add_post("/login", self._log_in)
        prefix = self.prefix
        app.router.add_get(f"{prefix}/info", self._info)
        app.router.add_post(f"{prefix}/upload", self._upload)
        app.router.add_get(f"{prefix}/file={{path:.*}}", self._file)
        app.router.add_post(f"{prefix}/{self.stopping_path}", self._stop)
        app.router.add_post(f"{prefix}/call/{{name}}", self._call)
        app.router.add_get(f"{prefix}/call/{{name}}/{{event}}", self._called)
        self.add_queue(app, prefix)
        return app

    stopping_path = "cancel"

    def add_queue(self, app: web.Application, prefix: str) -> None:
        """The way in which jobs get into the queue."""
        app.router.add_post(f"{prefix}/queue/join", self._join)
        app.router.add_get(f"{prefix}/queue/data", self._data)

    @web.middleware
    async def _admit(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        is_known = self.password is None or request.cookies.get("access-token") == "cookie"
        if request.path != "/login" and not is_known:
            return web.json_response({"detail": "Not authenticated"}, status=401)
        return await handler(request)

    async def _log_in(self, request: web.Request) -> web.Response:
        form = await request.post()
        if (form.get("username"), form.get("password")) != (USER, self.password):
            return web.json_response({"detail": "Incorrect credentials."}, status=400)
        answer = web.json_response({"success": True})
        answer.set_cookie("access-token", "cookie", httponly=True, samesite="None")
        return answer

    async def _config(self, _request: web.Request) -> web.Response:
        if self.hides_config:
            raise web.HTTPNotFound
        return web.json_response(self.config())

    async def _info(self, _request: web.Request) -> web.Response:
        return web.json_response(recorded(self.recording, "space")[1])

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        paths = []
        for sent in form.getall("files", []):
            assert isinstance(sent, web.FileField)
            paths.append(self._keep(sent.file.read(), sent.filename))
        return web.json_response(paths)

    async def _file(self, request: web.Request) -> web.Response:
        kept = self.files.get(request.match_info["path"])
        if kept is None:
            return web.json_response({"detail": "File not allowed"}, status=403)
        return web.Response(body=kept, content_type="image/webp")

    async def _join(self, request: web.Request) -> web.StreamResponse:
        job = self._submitted(await request.json())
        if self.full:
            detail = "Queue is full. Max size is 2 and size is 2."
            return web.json_response({"detail": detail}, status=503)
        if self.fault in WHOLE_ANSWERS:
            self._begin(job)
            return await self.misbehave(request)
        self._begin(job)
        return web.json_response({"event_id": job.event})

    async def _data(self, request: web.Request) -> web.StreamResponse:
        session = request.query["session_hash"]
        return await self._streamed(request, self.jobs[session])

    async def _streamed(
        self, request: web.Request, job: Job, *, documented: bool = False
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            while True:
                message = await self._next(request, job)
                text = _documented(message) if documented else f"data: {json.dumps(message)}\n\n"
                await response.write(text.encode())
                if message["msg"] == "process_completed":
                    break
            if not documented:
                await response.write(b'data: {"msg": "close_stream"}\n\n')
        except ConnectionError:
            self._left(job)
        return response

    async def _next(self, request: web.Request, job: Job) -> Message:
        """The next message, while somebody is there to be told."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    return await job.told.get()
            if request.transport is None or request.transport.is_closing():
                raise ConnectionResetError

    async def _stop(self, request: web.Request) -> web.Response:
        """Answers when the function has really stopped, which is after its next picture."""
        event = (await request.json())["event_id"]
        self.cancelled.append(event)
        if self.yields and self._is_drawing(event):
            self.engine.interrupt()
            await self.engine.until(lambda: not self._is_drawing(event))
        return web.json_response({"success": True})

    async def _call(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        number = 0 if request.match_info["name"] == "txt2img" else 1
        job = self._submitted({"data": body["data"], "fn_index": number, "session_hash": None})
        self.jobs[job.event] = job
        self._begin(job)
        return web.json_response({"event_id": job.event})

    async def _called(self, request: web.Request) -> web.StreamResponse:
        job = self.jobs.pop(request.match_info["event"])
        return await self._streamed(request, job, documented=True)

    def _submitted(self, body: dict[str, Any]) -> Job:
        self.submitted.append(body)
        job = Job(event=f"event-{next(self.numbers)}", data=body["data"])
        if body.get("session_hash"):
            self.jobs[body["session_hash"]] = job
        return job

    def _begin(self, job: Job) -> None:
        job.playing = asyncio.create_task(self.play(job, job.told.put), name=job.event)
        self._hold_on(job.playing)

    def _hold_on(self, task: asyncio.Task[Any]) -> None:
        self.loose.add(task)
        task.add_done_callback(self.loose.discard)

    def _left(self, job: Job) -> None:
        """Nobody listens any more: what waits is dropped, and what yields is stopped."""
        if job.event in self.engine.waiting and job.playing is not None:
            job.playing.cancel()
        elif self.yields and self._is_drawing(job.event):
            self.engine.interrupt()

    def _is_drawing(self, event: str) -> bool:
        return self.engine.now is not None and self.engine.now.key == event

    async def play(self, job: Job, tell: Tell) -> None:
        """Draw the job's picture and tell of it as a queue does."""
        rank = len(self.engine.waiting)
        await tell(self._message(job, "estimation", rank=rank, queue_size=rank + 1, rank_eta=None))
        steps, seen = int(job.data[3]), -1
        drawing = asyncio.create_task(self.engine.draw(job.event, steps), name=f"draw-{job.event}")
        self._hold_on(drawing)

        def has_news() -> bool:
            now = self.engine.now
            is_on = now is not None and now.key == job.event and now.step != seen
            return drawing.done() or is_on

        try:
            while True:
                await self.engine.until(has_news)
                now = self.engine.now
                if drawing.done() or now is None:
                    break
                seen = now.step
                await self._tell_of_step(job, tell, seen, steps)
        except asyncio.CancelledError:
            drawing.cancel()
            if job.event in self.engine.waiting:
                self.engine.waiting.remove(job.event)
            async with self.engine.changed:
                self.engine.changed.notify_all()
            raise
        await tell(self._completed(job, is_whole=await drawing))

    async def _tell_of_step(self, job: Job, tell: Tell, step: int, steps: int) -> None:
        if not job.is_running:
            job.is_running = True
            await tell(self._message(job, "process_starts", eta=None))
        bar = {"index": step, "length": steps, "unit": "steps", "progress": None, "desc": "Drawing"}
        await tell(self._message(job, "progress", progress_data=[bar]))
        if self.yields and step:
            data = [self._picture(painted((64, 64), step)), ""]
            is_change = self.sends_changes and job.last is not None
            shown = _changes(job.last or [], data) if is_change else data
            job.last = data
            output = {"data": shown, "is_generating": True}
            await tell(self._message(job, "process_generating", output=output, success=True))

    def _completed(self, job: Job, *, is_whole: bool) -> Message:
        if not is_whole:
            return self._message(job, "process_completed", output={}, success=True)
        words = {Fault.NO_MEMORY: NO_MEMORY, Fault.REFUSES: REFUSAL}
        if self.fault in words:
            output = {"error": words[self.fault], "visible": True, "duration": 10, "title": "Error"}
            return self._message(job, "process_completed", output=output, success=False)
        drawn = None if self.fault is Fault.TOO_FEW else self._picture(self._drawn(job))
        output = {"data": [drawn, ""], "is_generating": False, "duration": 0.1}
        return self._message(job, "process_completed", output=output, success=True)

    def _drawn(self, job: Job) -> bytes:
        width, height, seed = (int(job.data[place]) for place in (4, 5, SEED))
        below = self._sent(job.data[IMAGE]) if len(job.data) > IMAGE else None
        wrong = spoiled(self.fault, (width, height), seed)
        return painted((width, height), seed, below=below) if wrong is None else wrong

    def _sent(self, value: Any) -> bytes:
        """A picture that came in, as this version takes it."""
        return self.files[value["path"]]

    def _picture(self, data: bytes) -> Any:
        """A picture that goes out, as this version gives it. Its ``url`` is of no use."""
        path = self._keep(data, "image.webp")
        return {"path": path, "url": f"http://behind.a.proxy/file={path}", "size": None}

    def _keep(self, data: bytes, name: str) -> str:
        path = f"/srv/gradio/{next(self.numbers)}/{name}"
        self.files[path] = data
        return path

    def _message(self, job: Job, kind: str, **fields: Any) -> Message:
        return {"msg": kind, "event_id": job.event, **fields}


class PlainTwin(GradioTwin):
    """Gradio 6 with functions that run to their end whatever they are told."""

    yields = False


class Gradio419Twin(GradioTwin):
    """4.17 to 4.19: the first to stream what changed, and without a prefix."""

    version, recording, protocol = "4.19.2", "4.44.1", "sse_v2"
    stopping_path = "reset"


class Gradio416Twin(Gradio419Twin):
    """4.9 to 4.16: the whole each time, and no URLs."""

    version, protocol = "4.16.0", "sse_v1"
    sends_changes = False

    def _picture(self, data: bytes) -> Any:
        return {"path": self._keep(data, "image.png"), "url": None, "size": None}


class Gradio40Twin(Gradio416Twin):
    """4.0 to 4.8: the event stream asks for the data."""

    version, protocol = "4.8.0", "sse"

    def add_queue(self, app: web.Application, prefix: str) -> None:
        app.router.add_get(f"{prefix}/queue/join", self._ask)
        app.router.add_post(f"{prefix}/queue/data", self._given)

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        if self.fault in WHOLE_ANSWERS and self.fault is not Fault.SILENT:
            return await self.misbehave(request)
        job = Job(event=f"event-{next(self.numbers)}", data=[])
        self.jobs[job.event] = job
        await job.told.put({"msg": "queue_full"} if self.full else {"msg": "estimation", "rank": 0})
        if not self.full:
            await job.told.put(self._message(job, "send_data"))
        return await self._streamed(request, job)

    async def _given(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.submitted.append(body)
        job = self.jobs[body["event_id"]]
        job.data = body["data"]
        self._begin(job)
        return await self.misbehave(request) if self.fault else web.json_response({"success": True})


class Gradio3Twin(GradioTwin):
    """Gradio 3: a WebSocket that asks for everything, and pictures as text.

    Its functions are plain ones here: one that yields is stopped by closing the socket, and
    nothing tells when.
    """

    version, recording, protocol = "3.50.2", "3.50.2", "ws"
    sends_changes = yields = False

    def add_queue(self, app: web.Application, prefix: str) -> None:
        app.router.add_get(f"{prefix}/queue/join", self._socket)
        app.router.add_post(f"{prefix}/run/predict", self._run)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.fault in {Fault.PAGE, Fault.REDIRECT, Fault.DIES}:
            return await self.misbehave(request)
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        if self.full:
            await socket.send_json({"msg": "queue_full"})
            return socket
        await socket.send_json({"msg": "send_hash"})
        hashed = await socket.receive_json()
        await socket.send_json({"msg": "estimation", "rank": 0, "queue_size": 1, "rank_eta": 1})
        await socket.send_json({"msg": "send_data"})
        body = await socket.receive_json()
        assert body["session_hash"] == hashed["session_hash"]
        job = self._submitted(body)
        playing = asyncio.create_task(self._play_on(socket, job), name=job.event)
        job.playing = playing
        self._hold_on(playing)
        async for _ in socket:
            pass
        if not playing.done():
            self._left(job)
        return socket

    async def _play_on(self, socket: web.WebSocketResponse, job: Job) -> None:
        match self.fault:
            case Fault.GARBAGE:
                await socket.send_str("\x00\x01")
            case Fault.NOT_A_NUMBER:
                await socket.send_str('{"msg": NaN}')
            case Fault.ENDLESS:
                await socket.send_str(" " * 2_000_000)
            case _:
                is_silent = self.fault in {Fault.SILENT, Fault.SILENT_LATER}

                async def tell(message: Message) -> None:
                    del message["event_id"]
                    if not is_silent and not socket.closed:
                        with contextlib.suppress(ConnectionError):
                            await socket.send_json(message)

                await self.play(job, tell)
                if not is_silent:
                    await socket.close()

    async def _run(self, request: web.Request) -> web.Response:
        job = self._submitted(await request.json())
        await self.engine.draw(job.event, int(job.data[3]))
        output = self._completed(job, is_whole=True)["output"]
        return web.json_response(output, status=500 if "error" in output else 200)

    def _sent(self, value: Any) -> bytes:
        return base64.b64decode(value.partition(",")[2])

    def _picture(self, data: bytes) -> Any:
        return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def _changes(old: list[Any], new: list[Any]) -> list[Any]:
    """What later versions send instead of the whole."""
    return [
        [] if before == after else [["replace", [], after]]
        for before, after in zip(old, new, strict=True)
    ]


def _documented(message: Message) -> str:
    """A message as /call tells it: without its text where something failed."""
    output = message.get("output", {})
    match message["msg"]:
        case "process_generating":
            event, data = "generating", output["data"]
        case "process_completed" if message["success"]:
            event, data = "complete", output.get("data")
        case "process_completed":
            event, data = "error", None
        case _:
            event, data = "heartbeat", None
    return f"event: {event}\ndata: {json.dumps(data)}\n\n"
