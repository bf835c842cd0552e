"""AUTOMATIC1111's relatives on loopback, as far as each differs from it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from PIL import Image

from tests.servers.a1111 import A1111Twin


class NoWebUiTwin(A1111Twin):
    """Started with ``--nowebui``: it knows of no tasks, only of what runs."""

    def __init__(self) -> None:
        super().__init__(has_tasks=False)


class ForgeTwin(A1111Twin):
    """Forge and its kin: modules instead of VAEs, and other forms of failure."""

    def lists(self) -> Mapping[str, object]:
        lists = dict(super().lists())
        del lists["/sdapi/v1/sd-vae"]
        lists["/sdapi/v1/sd-modules"] = [
            {"model_name": "ae.safetensors", "filename": "/srv/forge/models/VAE/ae.safetensors"}
        ]
        return lists

    def error(self, status: int, name: str, detail: object, words: str) -> web.Response:
        if name == "HTTPException":
            return web.json_response({"detail": detail}, status=status)
        body = {"error": name, "detail": detail, "body": "", "message": words}
        return web.json_response(body, status=status)

    def invalid(self) -> web.Response:
        place = {"type": "int_parsing", "loc": ["body", "steps"],
                 "msg": "Input should be a valid integer", "input": self.asked[-1],
                 "url": "https://errors.pydantic.dev/2.8/v/int_parsing"}  # fmt: skip
        return web.json_response({"detail": [place]}, status=422)


class SdNextTwin(A1111Twin):
    """SD.Next: no schedules, JPEGs, failures with a code, and a preview for an interrupted job."""

    def __init__(self) -> None:
        super().__init__(has_tasks=False)

    def lists(self) -> Mapping[str, object]:
        lists = dict(super().lists())
        for path in ("schedulers", "latent-upscale-modes"):
            del lists[f"/sdapi/v1/{path}"]
        lists["/sdapi/v1/version"] = {"app": "sd.next", "updated": "2026-07-01", "hash": "abc"}
        return lists

    def error(self, status: int, name: str, detail: object, words: str) -> web.Response:
        body = {"error": name, "code": status, "detail": detail, "body": "", "errors": words}
        return web.json_response(body, status=status)

    def information(self, body: dict[str, Any], seeds: list[int], subseeds: list[int]) -> str:
        told = json.loads(super().information(body, seeds, subseeds))
        del told["sd_model_name"], told["version"]
        return json.dumps(told | {"sd_model_hash": None, "cfg_end": None, "detailer": False})

    def answer(self, body: dict[str, Any], count: int) -> dict[str, Any]:
        told = super().answer(body, count)
        if self.fault is None:
            told["images"] = [_as_jpeg(image) for image in told["images"]]
        return told

    async def interrupt(self, _: web.Request) -> web.Response:
        self.interrupts += 1
        self.engine.interrupt()
        return web.Response(status=204)


class SdCppTwin(A1111Twin):
    """stable-diffusion.cpp's server: one model, no progress, no way to stop a job."""

    can_be_halted = False

    def __init__(self) -> None:
        super().__init__(has_tasks=False)
        self.samplers = ["default", "euler", "euler_a", "dpm++2m"]
        self.options = {"samples_format": "png", "sd_model_checkpoint": "fullrand-sd15"}

    def add_progress(self, app: web.Application) -> None:
        """There is none."""

    def lists(self) -> Mapping[str, object]:
        names = ("default", "discrete", "karras")
        return {
            "/sdcpp/v1/capabilities": {"current_mode": "img_gen", "defaults": {"width": 512}},
            "/sdapi/v1/sd-models": [
                {"title": "fullrand-sd15", "model_name": "fullrand-sd15", "hash": "8888888888",
                 "sha256": "8" * 64, "filename": "fullrand-sd15.safetensors", "config": None}
            ],
            "/sdapi/v1/schedulers": [{"name": name, "label": name} for name in names],
            "/sdapi/v1/upscalers": [
                {"name": name, "model_name": None, "model_path": None, "model_url": None,
                 "scale": 4} for name in ("None", "Lanczos", "Nearest")
            ],
            "/sdapi/v1/latent-upscale-modes": [{"name": "Latent"}],
            "/sdapi/v1/loras": [{"name": "ink", "path": "ink.safetensors"}],
        }  # fmt: skip

    def error(self, status: int, name: str, detail: object, words: str) -> web.Response:
        told = words or str(detail) or name
        return web.json_response({"error": "server_error", "message": told}, status=status)

    def invalid(self) -> web.Response:
        return web.json_response({"error": "prompt required"}, status=400)

    def information(self, body: dict[str, Any], seeds: list[int], subseeds: list[int]) -> str:
        told = json.loads(super().information(body, seeds, subseeds))
        kept = ("all_seeds", "cfg_scale", "height", "infotexts", "steps", "width")
        return json.dumps({key: told[key] for key in kept})

    def answer(self, body: dict[str, Any], count: int) -> dict[str, Any]:
        return super().answer(body, count // body.get("n_iter", 1))


class KoboldTwin(SdCppTwin):
    """KoboldCpp: one picture a request, sides in sixty-fours, and nothing told of it."""

    def lists(self) -> Mapping[str, object]:
        lists = dict(super().lists())
        del lists["/sdcpp/v1/capabilities"], lists["/sdapi/v1/loras"]
        lists["/sdapi/v1/schedulers"] = []
        version = {"result": "KoboldCpp", "version": "1.76", "txt2img": True}
        return lists | {"/api/extra/version": version}

    def error(self, status: int, name: str, detail: object, words: str) -> web.Response:
        told = {"msg": words or str(detail) or name, "type": "server_error"}
        return web.json_response({"detail": told}, status=status)

    def invalid(self) -> web.Response:
        return web.json_response({"detail": {"msg": "bad json", "type": "bad_input"}}, status=422)

    def answer(self, body: dict[str, Any], count: int) -> dict[str, Any]:
        body["width"], body["height"] = (body[side] // 64 * 64 for side in ("width", "height"))
        told = super().answer(body, min(count, 1))
        images = told["images"][:1] or [""]
        return {"images": images, "parameters": {}, "info": ""}


class PartialTwin(KoboldTwin):
    """A server of txt2img and img2img, and of its settings: no list of anything."""

    def lists(self) -> Mapping[str, object]:
        return {}

    def app(self) -> web.Application:
        self.options = {"model": "a-model.ckpt", "width": 512}
        return super().app()

    def add_samplers(self, app: web.Application) -> None:
        """There is no list of them."""


def _as_jpeg(image: str) -> str:
    with Image.open(io.BytesIO(base64.b64decode(image))) as opened:
        picture = opened.convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=95)
    return base64.b64encode(buffer.getvalue()).decode()
