"""Exchanges with real servers, recorded beside the repository; tests skip where they are absent."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

FOLDER = Path(__file__).parents[3] / "shared" / "recorded"


@cache
def exchange(server: str, name: str) -> dict[str, Any]:
    """A recorded exchange: ``request``, ``status``, ``body``."""
    file = FOLDER / server / f"{name}.json"
    if not file.is_file():
        pytest.skip("no recorded exchanges on this machine")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def names(server: str) -> list[str]:
    """Of every exchange with that server."""
    return sorted(file.stem for file in (FOLDER / server).glob("*.json"))


def replayed(server: str) -> web.Application:
    """A server that gives the recorded answer to every GET that was recorded."""
    answers: dict[str, tuple[int, object]] = {}
    for name in names(server):
        if not name.startswith(("get_", "ping", "native_capabilities", "styles")):
            continue
        found = exchange(server, name)
        answers[found["request"]["path"]] = (found["status"], found["body"])
    if not answers:
        pytest.skip("no recorded exchanges on this machine")

    async def answer(request: web.Request) -> web.Response:
        status, body = answers.get(request.path, (404, {"detail": "Not Found"}))
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app
