"""A ComfyUI on loopback: its queue, socket, history and validation, as recorded from 0.3.64.

It draws with no model: a picture's colours come from everything that decides it, so that equal
graphs give equal bytes and any difference shows. With ``is_new`` it is a server of 2026: prompt
ids must be canonical UUIDs, choices have the newer form, and jobs are cancelled by their id.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import struct
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web
from PIL import Image

from generation.backends.comfyui.backend import ComfyBackend
from generation.backends.remote.server import Server
from tests.servers.twin import WHOLE_ANSWERS, Engine, Fault, Twin, spoiled

Json = dict[str, Any]

CHECKPOINTS = ["sd_xl_base_1.0.safetensors", "anime/v1-5-pruned-emaonly.safetensors"]
LORAS = ["detail.safetensors", "styles/ink.safetensors"]
SAMPLERS = ["euler", "euler_ancestral", "dpmpp_2m", "dpmpp_2m_sde", "dpmpp_2m_sde_gpu", "ddim"]
SCHEDULERS = ["simple", "sgm_uniform", "karras", "exponential", "normal"]

_CLIP, _MODEL, _VAE = ["CLIP", {}], ["MODEL", {}], ["VAE", {}]
_IMAGE, _LATENT, _MASK, _CONDITIONING = ["IMAGE"], ["LATENT"], ["MASK"], ["CONDITIONING"]
_TEXT = ["STRING", {"multiline": True, "dynamicPrompts": True}]


def _whole(default: int, least: int, most: int, step: int | None = None) -> list[Any]:
    bounds = {"default": default, "min": least, "max": most}
    return ["INT", bounds if step is None else bounds | {"step": step}]


def _real(default: float, least: float, most: float) -> list[Any]:
    return ["FLOAT", {"default": default, "min": least, "max": most, "step": 0.01}]


def _size(step: int) -> Json:
    side = _whole(512, 16, 16384, step)
    return {"width": side, "height": side, "batch_size": _whole(1, 1, 4096)}


NODES: dict[str, Json] = {
    "CheckpointLoaderSimple": {"ckpt_name": [CHECKPOINTS, {}]},
    "UNETLoader": {"unet_name": [[], {}], "weight_dtype": [["default", "fp8_e4m3fn"], {}]},
    "CLIPTextEncode": {"text": _TEXT, "clip": _CLIP},
    "EmptyLatentImage": _size(8),
    "EmptySD3LatentImage": _size(16),
    "KSampler": {
        "model": _MODEL,
        "seed": _whole(0, 0, 2**64 - 1),
        "steps": _whole(20, 1, 10000),
        "cfg": _real(8.0, 0.0, 100.0),
        "sampler_name": [SAMPLERS, {}],
        "scheduler": [SCHEDULERS, {}],
        "positive": _CONDITIONING,
        "negative": _CONDITIONING,
        "latent_image": _LATENT,
        "denoise": _real(1.0, 0.0, 1.0),
    },
    "VAEDecode": {"samples": _LATENT, "vae": _VAE},
    "VAEEncode": {"pixels": _IMAGE, "vae": _VAE},
    "LoadImage": {"image": ["FILES", {"image_upload": True}]},
    "LoadImageMask": {"image": ["FILES", {}], "channel": [["alpha", "red", "green", "blue"], {}]},
    "InpaintModelConditioning": {
        "positive": _CONDITIONING,
        "negative": _CONDITIONING,
        "vae": _VAE,
        "pixels": _IMAGE,
        "mask": _MASK,
        "noise_mask": ["BOOLEAN", {"default": True}],
    },
    "SetLatentNoiseMask": {"samples": _LATENT, "mask": _MASK},
    "LoraLoader": {
        "model": _MODEL,
        "clip": _CLIP,
        "lora_name": [LORAS, {}],
        "strength_model": _real(1.0, -100.0, 100.0),
        "strength_clip": _real(1.0, -100.0, 100.0),
    },
    "SaveImage": {"images": _IMAGE, "filename_prefix": ["STRING", {"default": "ComfyUI"}]},
    "PreviewImage": {"images": _IMAGE},
    "EmptyImage": {
        "width": _whole(512, 1, 16384),
        "height": _whole(512, 1, 16384),
        "batch_size": _whole(1, 1, 4096),
        "color": _whole(0, 0, 0xFFFFFF),
    },
    "ImageBlur": {"image": _IMAGE, "blur_radius": _whole(1, 1, 31), "sigma": _real(1.0, 0.1, 10.0)},
    "ConditioningZeroOut": {"conditioning": _CONDITIONING},
    "FluxGuidance": {"conditioning": _CONDITIONING, "guidance": _real(3.5, 0.0, 100.0)},
    "UpscaleModelLoader": {"model_name": [["4x-Sharp.pth", "2x-Soft.safetensors"], {}]},
    "ImageUpscaleWithModel": {"upscale_model": ["UPSCALE_MODEL"], "image": _IMAGE},
    "ImageScale": {
        "image": _IMAGE,
        "upscale_method": [["nearest-exact", "bilinear", "area", "bicubic", "lanczos"], {}],
        "width": _whole(512, 0, 16384),
        "height": _whole(512, 0, 16384),
        "crop": [["disabled", "center"], {}],
    },
}
"""The inputs of each class of nodes, as ``/object_info`` has them. All are required."""

OUTPUTS = {"SaveImage": "output", "PreviewImage": "temp"}


@dataclass(kw_only=True)
class Prompt:
    """A prompt in the queue."""

    number: int
    id: str
    graph: Json
    client: str
    interrupted: bool = False

    def entry(self) -> list[Any]:
        return [self.number, self.id, self.graph, {"client_id": self.client}, []]


@dataclass(kw_only=True)
class TellingEngine(Engine):
    """Tells whoever it draws for of every step."""

    on_step: Callable[[int], Awaitable[None]] | None = None

    async def _tell(self) -> None:
        await super()._tell()
        if self.on_step is not None and self.now is not None:
            await self.on_step(self.now.step)


class ComfyTwin(Twin):
    """A server's state. Tests set what is to go wrong."""

    def __init__(self, *, is_new: bool = False, waits: asyncio.Event | None = None) -> None:
        super().__init__()
        self.engine: TellingEngine = TellingEngine(step_seconds=0.004)
        self.is_new = is_new
        self.waits = waits
        self.nodes: dict[str, Json] = dict(NODES)
        self.breaks_in: str | None = None
        self.error = ("RuntimeError", "a matrix did not fit in /srv/models/x.safetensors")
        self.hangs_up_after_steps: int | None = None
        self.uploads: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {}
        self.prompts: list[Json] = []
        self.interrupts: list[str | None] = []
        self.requests: list[str] = []
        self.history: dict[str, Json] = {}
        self.running_prompt: Prompt | None = None
        self.pending: deque[Prompt] = deque()
        self.queued = asyncio.Event()
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._features: set[str] = set()
        self._added = asyncio.Event()
        self._number = 0

    def backend(self, name: str, server: Server, **settings: object) -> ComfyBackend:
        return ComfyBackend(name, server, **settings)  # type: ignore[arg-type]

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[self._guard])
        app.router.add_get("/ws", self._socket)
        app.router.add_get("/system_stats", self._system_stats)
        app.router.add_get("/object_info/{kind}", self._object_info)
        app.router.add_get("/queue", self._queue)
        app.router.add_post("/queue", self._change_queue)
        app.router.add_post("/prompt", self._prompt)
        app.router.add_post("/interrupt", self._interrupt)
        app.router.add_get("/history/{id}", self._history)
        app.router.add_get("/view", self._view)
        app.router.add_post("/upload/image", self._upload)
        if self.is_new:
            app.router.add_post("/api/jobs/{id}/cancel", self._cancel)
        app.cleanup_ctx.append(self._working)
        return app

    async def hang_up(self) -> None:
        """Close every socket."""
        for socket in [*self._sockets.values()]:
            await socket.close()

    async def _working(self, _app: web.Application) -> Any:
        worker = asyncio.create_task(self._work(), name="comfyui-server")
        yield
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        if request.headers.get("Origin"):
            return web.Response(status=403)
        answer: web.StreamResponse = await handler(request)
        return answer

    # What the HTTP API answers.

    async def _system_stats(self, _request: web.Request) -> web.Response:
        system = {"os": "posix", "comfyui_version": "0.9.1" if self.is_new else "0.3.64"}
        return web.json_response({"system": system, "devices": [{"name": "cpu", "type": "cpu"}]})

    async def _object_info(self, request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        if kind not in self.nodes:
            return web.json_response({})
        inputs = {name: self._told(spec) for name, spec in self.nodes[kind].items()}
        body = {kind: {"input": {"required": inputs}, "name": kind, "output_node": kind in OUTPUTS}}
        return web.json_response(body)

    def _told(self, spec: list[Any]) -> list[Any]:
        if spec[0] == "FILES":
            spec = [sorted(self.uploads), *spec[1:]]
        if isinstance(spec[0], list) and self.is_new:
            return ["COMBO", {**spec[1], "options": spec[0]}]
        return spec

    async def _queue(self, _request: web.Request) -> web.Response:
        running = [self.running_prompt.entry()] if self.running_prompt else []
        pending = [prompt.entry() for prompt in self.pending]
        return web.json_response({"queue_running": running, "queue_pending": pending})

    async def _change_queue(self, request: web.Request) -> web.Response:
        ids = (await request.json()).get("delete", [])
        self.pending = deque(prompt for prompt in self.pending if prompt.id not in ids)
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        wanted = body.get("prompt_id")
        self.interrupts.append(wanted)
        if self.running_prompt is not None and wanted in {None, self.running_prompt.id}:
            self.running_prompt.interrupted = True
        return web.Response()

    async def _cancel(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        before = len(self.pending)
        self.pending = deque(prompt for prompt in self.pending if prompt.id != wanted)
        hit = len(self.pending) < before
        if self.running_prompt is not None and self.running_prompt.id == wanted:
            self.running_prompt.interrupted, hit = True, True
        return web.json_response({"cancelled": hit})

    async def _history(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        known = {wanted: self.history[wanted]} if wanted in self.history else {}
        return web.json_response(known)

    async def _view(self, request: web.Request) -> web.Response:
        name = request.query["filename"]
        if ".." in name:
            return web.Response(status=400)
        if name not in self.files:
            return web.Response(status=404)
        return web.Response(body=self.files[name], content_type="image/png")

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        image = form.get("image")
        if not isinstance(image, web.FileField):
            return web.Response(status=400)
        name, folder, data = image.filename, str(form.get("subfolder", "")), image.file.read()
        stem, dot, ending = name.rpartition(".")
        number = 1
        while (
            form.get("overwrite") != "true" and self.uploads.get(f"{folder}/{name}", data) != data
        ):
            name = f"{stem} ({number}){dot}{ending}"
            number += 1
        self.uploads[f"{folder}/{name}" if folder else name] = data
        return web.json_response({"name": name, "subfolder": folder, "type": "input"})

    async def _prompt(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        graph, wanted = body.get("prompt"), body.get("prompt_id") or str(uuid.uuid4())
        if graph is None:
            return _refusal("no_prompt", "No prompt provided", "No prompt provided")
        if self.is_new and not _is_canonical(wanted):
            return _refusal("invalid_prompt_id", "prompt_id must be a UUID", "")
        if self.fault is Fault.REFUSES:
            return _refusal("invalid_prompt", "It is not liked.", "")
        self.prompts.append(graph)
        refused = self._validate(graph)
        if refused is not None:
            return refused
        self._number += 1
        prompt = Prompt(
            number=self._number, id=wanted, graph=graph, client=body.get("client_id", "")
        )
        self.pending.append(prompt)
        self.queued.set()
        self._added.set()
        if self.fault in WHOLE_ANSWERS:
            return await self.misbehave(request)
        return web.json_response({"prompt_id": wanted, "number": self._number, "node_errors": {}})

    def _validate(self, graph: Json) -> web.Response | None:
        for name, node in graph.items():
            kind = node.get("class_type")
            if kind not in self.nodes:
                words = f"Cannot execute because node {kind} does not exist."
                if kind is None:
                    words = "Cannot execute because a node is missing the class_type property."
                return _refusal("invalid_prompt", words, f"Node ID '#{name}'")
        if not any(node["class_type"] in OUTPUTS for node in graph.values()):
            return _refusal("prompt_no_outputs", "Prompt has no outputs", "")
        errors = {name: found for name, node in graph.items() if (found := self._errors(node))}
        if not errors:
            return None
        told = {
            name: {
                "errors": found,
                "dependent_outputs": [],
                "class_type": graph[name]["class_type"],
            }
            for name, found in errors.items()
        }
        words = "Prompt outputs failed validation"
        return _refusal("prompt_outputs_failed_validation", words, "", told)

    def _errors(self, node: Json) -> list[Json]:
        found = []
        for name, spec in self.nodes[node["class_type"]].items():
            kind = sorted(self.uploads) if spec[0] == "FILES" else spec[0]
            value = node["inputs"].get(name)
            extra = {"input_name": name, "input_config": spec, "received_value": value}
            if value is None:
                words = "Required input is missing"
                found.append(_error("required_input_missing", words, name, {"input_name": name}))
            elif isinstance(kind, list) and value not in kind:
                words = f"{name}: {value!r} not in {kind}"
                found.append(_error("value_not_in_list", "Value not in list", words, extra))
            elif kind == "INT" and not str(value).lstrip("-").isdecimal():
                words = "Failed to convert an input value to a INT value"
                found.append(_error("invalid_input_type", words, name, extra))
            elif kind in ("INT", "FLOAT") and value < spec[1]["min"]:
                words = f"Value {value} smaller than min of {spec[1]['min']}"
                found.append(_error("value_smaller_than_min", words, name, extra))
        return found

    # What the machine does.

    async def _work(self) -> None:
        while True:
            while not self.pending:
                self._added.clear()
                await self._added.wait()
            if self.waits is not None:
                await self.waits.wait()
            if self.pending:
                self.running_prompt = self.pending.popleft()
                await self._execute(self.running_prompt)
                self.running_prompt = None
                # Only now is it out of the queue; its history has been there before.

    async def _execute(self, prompt: Prompt) -> None:
        messages: list[list[Any]] = []

        async def tell(kind: str, **data: Any) -> None:
            message = {"type": kind, "data": {**data, "prompt_id": prompt.id}}
            if kind.startswith("execution_"):
                messages.append([kind, message["data"]])
            await self._send(prompt.client, json.dumps(message))

        await tell("execution_start")
        await tell("execution_cached", nodes=[])
        outputs: Json = {}
        status = "success"
        for name, node in prompt.graph.items():
            await tell("executing", node=name, display_node=name)
            ending = await self._run_node(prompt, name, node, tell, outputs)
            if ending is not None:
                status = "error"
                kind, data = ending
                await tell(kind, node_id=name, node_type=node["class_type"], **data)
                outputs = {}
                break
        self.history[prompt.id] = {
            "prompt": prompt.entry(),
            "outputs": outputs,
            "status": {
                "status_str": status,
                "completed": status == "success",
                "messages": [*messages],
            },
        }
        if status == "success":
            await tell("execution_success")
        await tell("executing", node=None)

    async def _run_node(
        self, prompt: Prompt, name: str, node: Json, tell: Any, outputs: Json
    ) -> tuple[str, Json] | None:
        kind = node["class_type"]
        if kind == self.breaks_in or (kind == "KSampler" and self.fault is Fault.NO_MEMORY):
            trace = ['  File "/srv/ComfyUI/execution.py", line 496, in execute\n']
            memory = ("torch.OutOfMemoryError", "Allocation on device")
            sort, words = memory if self.fault is Fault.NO_MEMORY else self.error
            data = {"exception_type": sort, "exception_message": words, "traceback": trace}
            return "execution_error", data
        if kind == "KSampler" and not await self._sample(prompt, name, node, tell):
            return "execution_interrupted", {"executed": []}
        if kind in OUTPUTS:
            images = [
                {
                    "filename": self._paint(prompt.graph, number),
                    "subfolder": "",
                    "type": OUTPUTS[kind],
                }
                for number in range(0 if self.fault is Fault.TOO_FEW else _batch(prompt.graph))
            ]
            outputs[name] = {"images": images}
            await tell("executed", node=name, output=outputs[name])
        return None

    async def _sample(self, prompt: Prompt, name: str, node: Json, tell: Any) -> bool:
        """Take the steps; False when it was interrupted, which is looked at between two of them."""
        steps = node["inputs"]["steps"]

        async def stepped(step: int) -> None:
            drawing = self.engine.now
            if drawing is None or drawing.key != prompt.id:
                return
            drawing.interrupted = drawing.interrupted or prompt.interrupted
            if step:
                await tell("progress", value=step, max=steps, node=name)
                await self._preview(prompt, name)
            if self.hangs_up_after_steps == step and prompt.client in self._sockets:
                await self._sockets.pop(prompt.client).close()

        self.engine.on_step = stepped
        try:
            if not await self.engine.draw(prompt.id, steps):
                return False
        finally:
            self.engine.on_step = None
        await tell("progress", value=steps, max=steps, node=name)
        return True

    async def _preview(self, prompt: Prompt, name: str) -> None:
        buffer = io.BytesIO()
        Image.new("RGB", (32, 32), (90, 120, 40)).save(buffer, "JPEG")
        if prompt.client in self._features:
            meta = json.dumps(
                {"node_id": name, "prompt_id": prompt.id, "image_type": "image/jpeg"}
            ).encode()
            frame = struct.pack(">II", 4, len(meta)) + meta + buffer.getvalue()
        else:
            frame = struct.pack(">II", 1, 1) + buffer.getvalue()
        await self._send(prompt.client, frame)

    def _paint(self, graph: Json, number: int) -> str:
        """A picture in colours of everything that decides it; the name of its file."""
        read = [node["inputs"].get("image") for node in graph.values()]
        pixels = [self.uploads[str(name)] for name in read if str(name) in self.uploads]
        content = json.dumps([graph, number], sort_keys=True).encode() + b"".join(pixels)
        digest = hashlib.sha256(content).digest()
        picture = Image.frombytes("RGB", (3, 3), digest[:27])
        size = self._size(graph)
        buffer = io.BytesIO()
        picture.resize(size, Image.Resampling.NEAREST).save(buffer, "PNG")
        name = f"ComfyUI_{digest.hex()[:12]}_{number:05}_.png"
        self.files[name] = spoiled(self.fault, size, number) or buffer.getvalue()
        return name

    def _size(self, graph: Json) -> tuple[int, int]:
        for node in graph.values():
            if node["class_type"].startswith("Empty") or node["class_type"] == "ImageScale":
                return node["inputs"]["width"], node["inputs"]["height"]
        for node in graph.values():
            if node["class_type"] == "LoadImage":
                with Image.open(io.BytesIO(self.uploads[node["inputs"]["image"]])) as opened:
                    return self._enlarged(opened.size, graph)
        return 64, 64

    def _enlarged(self, size: tuple[int, int], graph: Json) -> tuple[int, int]:
        """What an upscaler makes of it: its model's factor, whatever was asked for."""
        grows = any(node["class_type"] == "ImageUpscaleWithModel" for node in graph.values())
        return (4 * size[0], 4 * size[1]) if grows else size

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client = request.query.get("clientId") or uuid.uuid4().hex
        self._sockets[client] = socket
        status = {"status": {"exec_info": {"queue_remaining": len(self.pending)}}, "sid": client}
        await socket.send_json({"type": "status", "data": status})
        async for message in socket:
            if message.type is WSMsgType.TEXT and "supports_preview_metadata" in message.data:
                self._features.add(client)
        self._sockets.pop(client, None)
        return socket

    async def _send(self, client: str, message: str | bytes) -> None:
        socket = self._sockets.get(client)
        if socket is None or socket.closed:
            return
        try:
            await (
                socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message)
            )
        except ConnectionError:
            self._sockets.pop(client, None)


def _batch(graph: Json) -> int:
    sizes = (node["inputs"].get("batch_size") for node in graph.values())
    return next((size for size in sizes if isinstance(size, int)), 1)


def _is_canonical(wanted: str) -> bool:
    try:
        return str(uuid.UUID(wanted)) == wanted
    except ValueError:
        return False


def _error(kind: str, message: str, details: str, extra: Mapping[str, Any]) -> Json:
    return {"type": kind, "message": message, "details": details, "extra_info": dict(extra)}


def _refusal(kind: str, message: str, details: str, nodes: Json | None = None) -> web.Response:
    body = {"error": _error(kind, message, details, {}), "node_errors": nodes or {}}
    return web.json_response(body, status=400)
