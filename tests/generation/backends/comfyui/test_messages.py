"""What a server tells over its socket, as it was recorded."""

from __future__ import annotations

import json
import struct

import pytest

from generation.backends.comfyui.messages import (
    Broke,
    Entered,
    Finished,
    Interrupted,
    Previewed,
    Stepped,
    read_message,
)
from generation.errors import BadReply

PROMPT = "9c62d023-66e2-40a7-a463-8bc1e5e8e86b"


def told(kind: str, **data: object) -> str:
    return json.dumps({"type": kind, "data": {"prompt_id": PROMPT, **data}})


def test_the_steps_of_a_node_are_counted() -> None:
    message = read_message(told("progress", value=2, max=30, node="3"))
    assert message == Stepped(prompt=PROMPT, node="3", value=2, most=30)


def test_entering_no_node_is_the_end() -> None:
    assert read_message(told("executing", node="3", display_node="3")) == Entered(
        prompt=PROMPT, node="3"
    )
    assert read_message(told("executing", node=None)) == Finished(prompt=PROMPT)


def test_an_error_and_an_interruption_are_told_apart() -> None:
    broke = read_message(told("execution_error", node_id="4", exception_type="RuntimeError"))
    assert isinstance(broke, Broke)
    assert read_message(told("execution_interrupted", node_id="3")) == Interrupted(prompt=PROMPT)


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "a"}}',
        '{"type": "feature_flags", "data": {"supports_preview_metadata": true}}',
        '{"type": "crystools.monitor", "data": {"cpu_utilization": 3}}',
        '{"type": "progress_state", "data": {"prompt_id": "a", "nodes": {}}}',
        '{"type": "logs", "data": [1, 2]}',
        '{"type": "progress"}',
    ],
)
def test_what_says_nothing_about_a_prompt_is_passed_over(text: str) -> None:
    assert read_message(text) is None


def test_a_preview_of_an_old_server_names_no_prompt() -> None:
    assert read_message(struct.pack(">II", 1, 1) + b"\xff\xd8jpeg") == Previewed(
        prompt=None, data=b"\xff\xd8jpeg"
    )


def test_a_preview_with_metadata_names_its_prompt() -> None:
    meta = json.dumps({"node_id": "3", "prompt_id": PROMPT, "image_type": "image/jpeg"}).encode()
    frame = struct.pack(">II", 4, len(meta)) + meta + b"\xff\xd8jpeg"
    assert read_message(frame) == Previewed(prompt=PROMPT, data=b"\xff\xd8jpeg")


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\0\0\0",
        struct.pack(">II", 2, 0) + b"x",
        struct.pack(">II", 4, 99) + b"{}",
        struct.pack(">II", 4, 2) + b"[(",
    ],
)
def test_a_frame_that_cannot_be_read_is_passed_over(frame: bytes) -> None:
    assert read_message(frame) is None


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"type": "progress", "data": {"prompt_id": "a", "value": "x", "max": 3}}']
)
def test_garbage_is_a_bad_reply(text: str) -> None:
    with pytest.raises(BadReply):
        read_message(text)
