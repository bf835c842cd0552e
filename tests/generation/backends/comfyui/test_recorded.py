"""Our reading of ComfyUI, and our own on loopback, against what a real one answered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from generation.backends.comfyui import words
from generation.backends.comfyui.api import Api
from generation.backends.comfyui.messages import (
    Broke,
    Entered,
    Finished,
    Interrupted,
    Message,
    Stepped,
    read_message,
)
from generation.backends.comfyui.object_info import read_node
from generation.backends.remote import values
from generation.backends.remote.reply import Reply
from generation.backends.remote.server import Server
from generation.backends.remote.wire import Wire
from generation.errors import OutOfMemory, Rejected
from tests.servers.comfyui import ComfyTwin
from tests.servers.loopback import served
from tests.servers.recorded import exchange

REFUSALS = (
    "err_ckpt",
    "err_empty",
    "err_missing_input",
    "err_no_class",
    "err_no_outputs",
    "err_noprompt",
    "err_not_in_list",
    "err_unknown_node",
    "err_value_small",
    "err_value_type",
)


@asynccontextmanager
async def api_of(*names: str) -> AsyncIterator[Api]:
    """The API of a server that gives these recorded answers."""
    found = [exchange("comfy", name) for name in names]
    answers = {each["request"]["path"]: (each["status"], each["body"]) for each in found}

    async def answer(request: web.Request) -> web.Response:
        status, body = answers[request.path]
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with served(app) as url:
        wire = Wire(Server.at(url))
        yield Api(wire)
        await wire.aclose()


def told(name: str) -> list[Message]:
    """What we read in a recorded conversation over the socket."""
    recorded: Any = exchange("comfy", name)
    # Long ones end with a note of what was left out.
    texts = [json.dumps(each) for each in recorded if isinstance(each, dict) and "type" in each]
    return [message for text in texts if (message := read_message(text)) is not None]


@pytest.mark.parametrize("name", [*REFUSALS, "err_bad_link"])
def test_every_refusal_is_told_without_traceback_and_paths(name: str) -> None:
    found = exchange("comfy", name)
    reply = Reply(
        server=Server.at("box:8188"),
        status=found["status"],
        media_type="application/json",
        body=json.dumps(found["body"]).encode(),
    )
    error = words.of_answer(reply, "sdxl")
    assert isinstance(error, Rejected)
    assert "/srv/" not in str(error)
    assert "no reason is given" not in str(error)


@pytest.mark.parametrize("name", REFUSALS)
async def test_our_own_refuses_what_the_real_one_refuses_and_in_its_words(name: str) -> None:
    found = exchange("comfy", name)
    async with ComfyTwin().running() as url:
        wire = Wire(Server.at(url))
        reply = await wire.post("prompt", json=found["request"]["json"])
        await wire.aclose()
    assert reply.status == found["status"]
    assert _skeleton(values.mapping(reply.json(), "")) == _skeleton(found["body"])


@pytest.mark.parametrize(
    ("kind", "name"),
    [("KSampler", "object_info_KSampler"), ("CheckpointLoaderSimple", "object_info_ckpt")],
)
async def test_our_own_describes_its_nodes_as_the_real_one_does(kind: str, name: str) -> None:
    async with ComfyTwin().running() as url:
        wire = Wire(Server.at(url))
        ours = read_node(kind, values.mapping((await wire.get(f"object_info/{kind}")).json(), ""))
        await wire.aclose()
    real = read_node(kind, exchange("comfy", name)["body"])
    assert ours is not None
    assert real is not None
    told = [
        {key: (value.kind, value.default, value.lowest) for key, value in each.inputs.items()}
        for each in (ours, real)
    ]
    assert told[0] == told[1]


def test_a_run_is_its_nodes_its_steps_and_its_end() -> None:
    messages = told("load_preview_ws")
    assert [type(message) for message in messages] == [Entered, Entered, Finished]
    steps = [message for message in told("sd_interrupt_ws") if isinstance(message, Stepped)]
    assert [(step.value, step.most) for step in steps] == [(1, 30), (2, 30)]


def test_a_cached_run_is_its_end_alone() -> None:
    assert [type(message) for message in told("image_cached_ws")] == [Finished]


def test_an_interruption_and_an_error_are_told_apart() -> None:
    assert any(isinstance(message, Interrupted) for message in told("sd_interrupt_ws"))
    (broke,) = (message for message in told("err_runtime_ws") if isinstance(message, Broke))
    error = words.of_execution(broke.error, "sdxl")
    assert not isinstance(error, OutOfMemory)
    assert str(error.detail).endswith("Could not detect model type of: tinyrand-a.safetensors")


async def test_a_history_is_read_however_a_run_ended() -> None:
    names = ("sd_history", "err_runtime_history", "sd_interrupt_history", "history_unknown")
    ids = [exchange("comfy", name)["request"]["path"].rpartition("/")[2] for name in names]
    async with api_of(*names) as api:
        done, broke, stopped, unknown = [await api.history(prompt) for prompt in ids]
    assert done is not None
    assert {file.type for files in done.files.values() for file in files} == {"output"}
    assert broke is not None
    assert broke.error is not None
    assert stopped is not None
    assert stopped.interrupted
    assert unknown is None


async def test_the_queue_is_read_with_what_runs_and_what_waits() -> None:
    async with api_of("queue_busy") as api:
        line = await api.line()
    assert line.running == {"2656226e-2e91-4355-8d43-93b5f3f2cafc"}
    assert len(line.pending) == 2
    assert "2656226e-2e91-4355-8d43-93b5f3f2cafc" in line


async def test_the_system_is_read() -> None:
    async with api_of("system_stats") as api:
        system = await api.system()
    assert (system.version, system.device) == ("0.3.64", "cpu")


def _skeleton(answer: Any) -> dict[str, Any]:
    """What a refusal says, without the lists of what would have been right."""
    return {
        "error": (answer["error"]["type"], answer["error"]["message"]),
        "nodes": {
            node: (found["class_type"], [each["type"] for each in found["errors"]])
            for node, found in answer["node_errors"].items()
        },
    }
