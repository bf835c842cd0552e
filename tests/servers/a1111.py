"""AUTOMATIC1111 and its relatives on loopback, held true to recorded exchanges by a test."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from generation.backends.a1111 import A1111Backend
from generation.backends.remote.server import Server
from tests.servers.twin import WHOLE_ANSWERS, Fault, Twin, painted, spoiled

CHECKPOINTS = ("tinyrand-a", "tinyrand-b", "dreamXL_v1")
SAMPLERS = ("DPM++ 2M", "DPM++ SDE", "Euler a", "Euler", "DDIM")
SCHEDULERS = (("automatic", "Automatic"), ("karras", "Karras"), ("simple", "Simple"))
UPSCALERS = ("None", "Lanczos", "Nearest", "R-ESRGAN 4x+")
STYLES = ({"name": "Cinematic", "prompt": "cinematic {prompt}", "negative_prompt": "cartoon"},)
OPTIONS: dict[str, Any] = {
    "samples_format": "png",
    "sd_model_checkpoint": "tinyrand-a.safetensors [def979795b]",
    "CLIP_stop_at_last_layers": 1,
    "sd_vae": "Automatic",
    "eta_noise_seed_delta": 0,
    "face_restoration_model": "CodeFormer",
}
SCRIPTS = ("x/y/z plot", "refiner", "sampler", "seed", "controlnet", "adetailer")
CONTROL_TYPES = {
    "All": {"module_list": ["none", "canny"], "model_list": ["None", "control_canny [d14c016b]"],
            "default_option": "none", "default_model": "None"},
    "Canny": {"module_list": ["none", "canny"], "model_list": ["None", "control_canny [d14c016b]"],
              "default_option": "canny", "default_model": "control_canny [d14c016b]"},
    "OpenPose": {"module_list": ["none", "openpose_full"], "model_list": ["None"],
                 "default_option": "openpose_full", "default_model": "None"},
}  # fmt: skip
USER, PASSWORD = "ada", "hunter2"


class A1111Twin(Twin):
    """The web UI itself, started with ``--api``. Requests for pictures are kept in ``asked``."""

    def __init__(self, *, password: str | None = None, has_tasks: bool = True) -> None:
        super().__init__()
        self.password = password
        self.has_tasks = has_tasks
        self.asked: list[dict[str, Any]] = []
        self.refreshed: list[str] = []
        self.interrupts = 0
        self.options = dict(OPTIONS)
        self.samplers = list(SAMPLERS)
        self.finished: list[str] = []
        self.begun_by_others = itertools.count()

    def backend(self, name: str, server: Server, **settings: object) -> A1111Backend:
        return A1111Backend(name, server, progress_seconds=0.01, **settings)  # type: ignore[arg-type]

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[self._admit])
        for path, answer in self.lists().items():
            app.router.add_get(path, _listed(answer))
        app.router.add_get("/sdapi/v1/options", self._options)
        self.add_samplers(app)
        app.router.add_post("/sdapi/v1/txt2img", self._draw)
        app.router.add_post("/sdapi/v1/img2img", self._draw)
        app.router.add_post("/sdapi/v1/extra-single-image", self._extra)
        app.router.add_post("/sdapi/v1/interrogate", self._interrogate)
        self.add_progress(app)
        for what in ("checkpoints", "vae", "loras", "embeddings"):
            app.router.add_post(f"/sdapi/v1/refresh-{what}", self._refresh)
        app.router.add_route("*", "/{rest:.*}", _not_found)
        return app

    def add_samplers(self, app: web.Application) -> None:
        """The list of samplers, which tests change."""
        app.router.add_get("/sdapi/v1/samplers", self._samplers)

    def add_progress(self, app: web.Application) -> None:
        """What tells how far jobs are, and stops them."""
        app.router.add_get("/sdapi/v1/progress", self._progress)
        app.router.add_post("/sdapi/v1/interrupt", self.interrupt)
        if self.has_tasks:
            app.router.add_get("/internal/ping", _listed({}))
            app.router.add_post("/internal/progress", self._task_progress)

    def lists(self) -> Mapping[str, object]:
        """What each list says, by path."""
        return {
            "/sdapi/v1/sd-models": [_model(name) for name in CHECKPOINTS],
            "/sdapi/v1/schedulers": [
                {"name": name, "label": label, "aliases": None, "default_rho": -1.0,
                 "need_inner_model": False}
                for name, label in SCHEDULERS
            ],
            "/sdapi/v1/upscalers": [
                {"name": name, "model_name": None, "model_path": None, "model_url": None,
                 "scale": 4.0}
                for name in UPSCALERS
            ],
            "/sdapi/v1/latent-upscale-modes": [{"name": "Latent"}],
            "/sdapi/v1/sd-vae": [{"model_name": "vae-ft.pt", "filename": "/srv/vae-ft.pt"}],
            "/sdapi/v1/loras": [
                {"name": "ink", "alias": "Ink", "path": "/srv/lora/ink.safetensors",
                 "metadata": {"ss_base_model_version": "sd_v1",
                              "modelspec.trigger_phrase": "in ink"}},
            ],
            "/sdapi/v1/embeddings": {"loaded": {"easynegative": {"step": 1}}, "skipped": {}},
            "/sdapi/v1/hypernetworks": [{"name": "hyper", "path": "/srv/hyper.pt"}],
            "/sdapi/v1/prompt-styles": list(STYLES),
            "/sdapi/v1/face-restorers": [{"name": "CodeFormer", "cmd_dir": None},
                                         {"name": "GFPGAN", "cmd_dir": None}],
            "/sdapi/v1/scripts": {"txt2img": list(SCRIPTS), "img2img": list(SCRIPTS)},
            "/controlnet/control_types": {"control_types": CONTROL_TYPES},
            "/adetailer/v1/ad_model": {"ad_model": ["face_yolov8n.pt"]},
        }  # fmt: skip

    def error(self, status: int, name: str, detail: object, words: str) -> web.Response:
        """A failure in this server's own form."""
        body = {"error": name, "detail": detail, "body": "", "errors": words}
        return web.json_response(body, status=status)

    def invalid(self) -> web.Response:
        """What pydantic 1 says of a value, with the request repeated in it."""
        place = {"loc": ["body", "steps"], "msg": "value is not a valid integer",
                 "type": "type_error.integer", "ctx": {"doc": self.asked[-1]}}  # fmt: skip
        return web.json_response({"detail": [place]}, status=422)

    def information(self, body: dict[str, Any], seeds: list[int], subseeds: list[int]) -> str:
        """The ``info`` of an answer."""
        override = body.get("override_settings") or {}
        name = override.get("sd_model_checkpoint", CHECKPOINTS[0])
        model = name if name in CHECKPOINTS else CHECKPOINTS[0]
        sampler = body.get("sampler_name") or "Euler"
        told = {
            "prompt": body.get("prompt", ""),
            "seed": seeds[0],
            "all_seeds": seeds,
            "subseed": subseeds[0],
            "all_subseeds": subseeds,
            "subseed_strength": body.get("subseed_strength", 0),
            "width": body.get("width", 512),
            "height": body.get("height", 512),
            "sampler_name": sampler if sampler in self.samplers else self.samplers[0],
            "cfg_scale": float(body.get("cfg_scale", 7.0)),
            "steps": body.get("steps", 50),
            "sd_model_name": model,
            "sd_model_hash": _model(model)["hash"] or "0000000000",
            "index_of_first_image": 0,
            "infotexts": [f"{body.get('prompt', '')}\nSteps: 3, Version: v1.10.1"] * len(seeds),
            "styles": body.get("styles") or [],
            "job_timestamp": "20261120211007",
            "clip_skip": override.get("CLIP_stop_at_last_layers", 1),
            "version": "v1.10.1",
        }
        return json.dumps(told)

    async def _draw(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        if self.fault is Fault.NO_MEMORY:
            words = "CUDA out of memory. Tried to allocate 9.00 GiB"
            return self.error(500, "OutOfMemoryError", "", words)
        if self.fault is Fault.REFUSES:
            return self.invalid()
        if request.path.endswith("img2img") and not body.get("init_images"):
            return self.error(404, "HTTPException", "Init image not found", "")
        key = body.get("force_task_id") or f"untold-{len(self.asked)}"
        count = body.get("n_iter", 1) * body.get("batch_size", 1)
        # As the real one does, it draws to the end whether or not anybody still listens.
        drawing = asyncio.ensure_future(self.engine.draw(key, body["steps"]))
        if self.fault in WHOLE_ANSWERS:
            return await self.misbehave(request)
        await asyncio.shield(drawing)
        self.finished.append(key)
        return web.json_response(self.answer(body, count))

    def answer(self, body: dict[str, Any], count: int) -> dict[str, Any]:
        """The pictures and what there is to say of them."""
        seed, subseed = body.get("seed", -1), body.get("subseed", -1)
        turned = bool(body.get("subseed_strength"))
        seeds = [seed + (0 if turned else number) for number in range(count)]
        subseeds = [subseed + (number if turned else 0) for number in range(count)]
        images = [self._picture(body, seed_) for seed_ in (subseeds if turned else seeds)]
        images = images[: -1 if self.fault is Fault.TOO_FEW else None]
        if "alwayson_scripts" in body:
            images.append(images[0])  # a detected map, which is nobody's result
        parameters = {key: value for key, value in body.items() if key != "init_images"}
        return {
            "images": images,
            "parameters": parameters,
            "info": self.information(body, seeds, subseeds),
        }

    def _picture(self, body: dict[str, Any], seed: int) -> str:
        size = (body["width"] // 8 * 8, body["height"] // 8 * 8)
        if body.get("enable_hr"):
            size = (body["hr_resize_x"], body["hr_resize_y"])
        images = body.get("init_images")
        below = base64.b64decode(images[0]) if images else None
        data = spoiled(self.fault, size, seed) or painted(size, seed, below=below)
        return base64.b64encode(data).decode()

    async def _extra(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        if body.get("upscaler_1") not in UPSCALERS:
            words = f"could not find upscaler named {body.get('upscaler_1')}"
            return self.error(500, "AssertionError", "", words)
        size = (body["upscaling_resize_w"], body["upscaling_resize_h"])
        data = painted(size, 1, below=base64.b64decode(body["image"]))
        return web.json_response(
            {"html_info": "<div></div>", "image": base64.b64encode(data).decode()}
        )

    async def _interrogate(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        failed = self.fault is Fault.GARBAGE
        return web.json_response({"caption": "<error>" if failed else "a cat\non a mat"})

    async def _options(self, _: web.Request) -> web.Response:
        return web.json_response(self.options)

    async def _samplers(self, _: web.Request) -> web.Response:
        return web.json_response(
            [{"name": name, "aliases": [], "options": {}} for name in self.samplers]
        )

    async def _refresh(self, request: web.Request) -> web.Response:
        self.refreshed.append(request.path)
        return web.json_response(None)

    async def interrupt(self, _: web.Request) -> web.Response:
        self.interrupts += 1
        self.engine.interrupt()
        return web.json_response({})

    async def _progress(self, request: web.Request) -> web.Response:
        now = self.engine.now
        share = now.step / now.steps if now else 0.0
        preview = painted((16, 16), 3) if now and now.step else None
        if "skip_current_image" in request.query:
            preview = None
        state = {
            "skipped": False,
            "interrupted": self.engine.was_interrupted,
            "stopping_generation": False,
            "job": "scripts_txt2img" if now else "",
            "job_count": 1 if now else 0,
            "job_timestamp": "20261120211007",
            "job_no": 0,
            "sampling_step": now.step if now else 0,
            "sampling_steps": now.steps if now else 0,
        }
        return web.json_response(
            {
                "progress": share,
                "eta_relative": 1.0 if now else 0.0,
                "state": state,
                "current_image": None if preview is None else base64.b64encode(preview).decode(),
                "textinfo": None,
            }
        )

    async def _task_progress(self, request: web.Request) -> web.Response:
        body = await request.json()
        task, now = body["id_task"], self.engine.now
        active = now is not None and now.key == task
        share = now.step / now.steps if now and active else 0.0
        preview = None
        if now and active and now.step and body.get("live_preview"):
            preview = base64.b64encode(painted((16, 16), now.step)).decode()
        return web.json_response(
            {
                "active": active,
                "queued": task in self.engine.waiting,
                "completed": task in self.finished,
                "progress": share if active else None,
                "eta": 1.0 if active else None,
                "live_preview": None if preview is None else f"data:image/png;base64,{preview}",
                "id_live_preview": now.step if now and preview else -1,
                "textinfo": None,
            }
        )

    @web.middleware
    async def _admit(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """``--api-auth``: on /sdapi alone, and without the header that a browser would wait for."""
        wanted = base64.b64encode(f"{USER}:{self.password}".encode()).decode()
        given = request.headers.get("Authorization", "")
        if self.password and request.path.startswith("/sdapi") and given != f"Basic {wanted}":
            detail = "Incorrect username or password" if given else "Not authenticated"
            return self.error(401, "HTTPException", detail, "")
        response: web.StreamResponse = await handler(request)
        return response


def _model(name: str) -> dict[str, Any]:
    short = "def979795b" if name == CHECKPOINTS[0] else None
    return {
        "title": f"{name}.safetensors" + (f" [{short}]" if short else ""),
        "model_name": name,
        "hash": short,
        "sha256": None,
        "filename": f"/srv/webui/models/Stable-diffusion/{name}.safetensors",
        "config": None,
    }


def _listed(answer: object) -> Any:
    async def reply(_: web.Request) -> web.Response:
        return web.json_response(answer)

    return reply


async def _not_found(_: web.Request) -> web.Response:
    return web.json_response({"detail": "Not Found"}, status=404)
