"""An OpenAI-style images endpoint on loopback, as SGLang-Diffusion answers, or as OpenAI does.

Shapes are those of SGLang's entry points and of OpenAI's reference, both of 2026. An ``owner`` of
"openai" makes it a hosted service: it takes no seed, refuses fields that it does not know, and
streams unfinished pictures when asked to.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from typing import Any

from aiohttp import web

from generation.backends.openai_images.backend import OpenAIImagesBackend
from generation.backends.remote.server import Server
from tests.servers.twin import WHOLE_ANSWERS, Fault, Twin, painted, spoiled

Json = dict[str, Any]

_HOSTED_FIELDS = frozenset(
    {"model", "prompt", "n", "size", "quality", "stream", "partial_images", "user", "image", "mask"}
)


class ImagesTwin(Twin):
    """The server. Requests for pictures are kept in ``asked``, their files in ``files``."""

    can_be_halted = False

    def __init__(self, *, owner: str = "sglang", model: str = "maker/painter") -> None:
        super().__init__()
        self.owner = owner
        self.model = model
        self.asked: list[Json] = []
        self.files: list[dict[str, bytes]] = []
        self.refusal: web.Response | None = None
        self.retry_after: str | None = None
        self.gives_urls_of: str | None = None
        self.kept: dict[str, bytes] = {}
        self._chance = itertools.count(7)

    def backend(self, name: str, server: Server, **settings: object) -> OpenAIImagesBackend:
        return OpenAIImagesBackend(name, server, **settings)  # type: ignore[arg-type]

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/images/generations", self._generations)
        app.router.add_post("/v1/images/edits", self._edits)
        app.router.add_get("/v1/images/{id}/content", self._content)
        return app

    async def _models(self, _request: web.Request) -> web.Response:
        card = {"id": self.model, "object": "model", "created": 1, "owned_by": self.owner}
        if self.owner == "sglang":
            card |= {"num_gpus": 1, "task_type": "TI2I", "dit_precision": "bf16"}
        return web.json_response({"object": "list", "data": [card]})

    async def _content(self, request: web.Request) -> web.Response:
        body = self.kept.get(request.match_info["id"])
        if body is None:
            return web.json_response({"detail": "Image not found"}, status=404)
        return web.Response(body=body, content_type="image/png")

    async def _generations(self, request: web.Request) -> web.StreamResponse:
        return await self._draw(request, await request.json(), {})

    async def _edits(self, request: web.Request) -> web.StreamResponse:
        fields: Json = {}
        files: dict[str, bytes] = {}
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                files[f"{name}:{value.filename}"] = value.file.read()
            else:
                fields[name] = value
        return await self._draw(request, fields, files)

    async def _draw(
        self, request: web.Request, fields: Json, files: dict[str, bytes]
    ) -> web.StreamResponse:
        self.asked.append(fields)
        self.files.append(files)
        refused = self._refused(fields)
        if refused is not None:
            return refused
        drawing = asyncio.create_task(self._pictures(fields, files), name="images-server")
        if self.fault in WHOLE_ANSWERS:
            return await self.misbehave(request)
        # As the real ones: who hangs up does not stop it.
        pictures = await asyncio.shield(drawing)
        if fields.get("stream"):
            return await self._stream(request, pictures[0])
        usage = {"total_tokens": 100 * len(pictures)} if self.owner == "openai" else None
        data = [self._told(picture) for picture in pictures]
        return web.json_response({"created": 1, "data": data, "usage": usage})

    def _refused(self, fields: Json) -> web.Response | None:
        if self.retry_after is not None:
            error = {"message": "Rate limit reached.", "code": "rate_limit_exceeded"}
            headers = {"Retry-After": self.retry_after}
            return web.json_response({"error": error}, status=429, headers=headers)
        if self.refusal is not None:
            return self.refusal
        if self.fault is Fault.REFUSES or self._unknown(fields):
            error = {"message": f"Unknown parameter of {fields['prompt']}", "param": "x"}
            return web.json_response({"error": error}, status=400)
        if self.fault is Fault.NO_MEMORY:
            return web.json_response({"detail": "CUDA out of memory. Tried to …"}, status=500)
        return None

    def _unknown(self, fields: Json) -> bool:
        return self.owner == "openai" and not set(fields) <= _HOSTED_FIELDS

    async def _pictures(self, fields: Json, files: dict[str, bytes]) -> list[bytes]:
        width, height = map(int, fields["size"].split("x"))
        steps = int(fields.get("num_inference_steps", 3))
        seed = int(fields.get("seed", next(self._chance)))
        below = next(iter(files.values()), None)
        await self.engine.draw(f"images-{len(self.asked)}", steps)
        count = 0 if self.fault is Fault.TOO_FEW else int(fields.get("n", 1))
        size = (width, height)
        return [
            spoiled(self.fault, size, seed + number) or painted(size, seed + number, below=below)
            for number in range(count)
        ]

    def _told(self, picture: bytes) -> Json:
        if self.gives_urls_of is None:
            return {"b64_json": base64.b64encode(picture).decode(), "url": None}
        name = f"picture-{len(self.kept)}"
        self.kept[name] = picture
        return {"url": f"{self.gives_urls_of}/v1/images/{name}/content"}

    async def _stream(self, request: web.Request, picture: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        written = base64.b64encode(picture).decode()
        for index in range(int(self.asked[-1]["partial_images"])):
            await self._send(
                response,
                {
                    "type": "image_generation.partial_image",
                    "b64_json": written,
                    "partial_image_index": index,
                },
            )
        done = {"type": "image_generation.completed", "b64_json": written}
        await self._send(response, done | {"usage": {"total_tokens": 300}})
        return response

    async def _send(self, response: web.StreamResponse, event: Json) -> None:
        await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
