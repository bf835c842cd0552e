"""What a server refuses is told to its operator in a sentence, without tracebacks and prompts."""

from __future__ import annotations

import json

from generation.backends.comfyui import words
from generation.backends.remote.reply import Reply
from generation.backends.remote.server import Server
from generation.errors import BackendError, BadReply, OutOfMemory, Rejected, Unavailable

SERVER = Server.at("box:8188")


def answer(body: object, status: int = 400) -> BackendError:
    reply = Reply(
        server=SERVER,
        status=status,
        media_type="application/json",
        body=json.dumps(body).encode(),
    )
    return words.of_answer(reply, "sdxl.txt2img")


def refusal(kind: str, message: str, details: str, **extra: object) -> dict[str, object]:
    error = {"type": kind, "message": message, "details": details, "extra_info": extra}
    return {
        "error": {"type": "prompt_outputs_failed_validation", "message": "failed", "details": ""},
        "node_errors": {
            "4": {"errors": [error], "dependent_outputs": ["9"], "class_type": "KSampler"}
        },
    }


def test_a_file_that_the_server_lost_is_named_without_the_list_of_all_others() -> None:
    error = answer(
        refusal(
            "value_not_in_list",
            "Value not in list",
            "ckpt_name: 'missing.safetensors' not in ['a.safetensors', 'b.safetensors']",
            input_name="ckpt_name",
            received_value="missing.safetensors",
        )
    )
    assert isinstance(error, Rejected)
    assert error.detail == (
        "ComfyUI refuses the workflow sdxl.txt2img: node 4 (KSampler): ckpt_name: "
        "the server has no missing.safetensors"
    )


def test_a_value_out_of_range_is_told_in_the_servers_words() -> None:
    error = answer(
        refusal(
            "value_smaller_than_min", "Value -5 smaller than min of 1", "width", input_name="width"
        )
    )
    assert "width: Value -5 smaller than min of 1" in str(error.detail)


def test_a_traceback_in_a_refusal_is_not_told_on() -> None:
    error = answer(
        refusal(
            "exception_during_inner_validation",
            "Exception when validating inner node",
            "'99'",
            input_name="images",
            traceback=['  File "/srv/ComfyUI/execution.py", line 808, in validate_inputs\n'],
        )
    )
    assert "execution.py" not in str(error)


def test_a_prompt_in_a_refusal_is_not_told_on() -> None:
    words_of_it = "Failed to convert a secret wish"
    error = answer(refusal("invalid_input_type", words_of_it, "text", input_name="text"))
    assert "secret wish" not in str(error)


def test_a_missing_node_is_named() -> None:
    body = {
        "error": {
            "type": "invalid_prompt",
            "message": "Cannot execute because node NopeNode does not exist.",
            "details": "Node ID '#1'",
            "extra_info": {},
        },
        "node_errors": {},
    }
    assert "node NopeNode does not exist" in str(answer(body).detail)


def test_a_page_for_people_is_no_refusal() -> None:
    assert isinstance(answer("x", status=500), BadReply)
    assert isinstance(answer("x", status=502), Unavailable)


def test_running_out_of_memory_is_told_apart() -> None:
    error = words.of_execution(
        {
            "node_id": "3",
            "node_type": "KSampler",
            "exception_type": "torch.OutOfMemoryError",
            "exception_message": "Allocation on device",
        },
        "sdxl",
    )
    assert isinstance(error, OutOfMemory)


def test_what_broke_is_told_without_paths_and_without_a_traceback() -> None:
    error = words.of_execution(
        {
            "node_id": "4",
            "node_type": "CheckpointLoaderSimple",
            "exception_type": "RuntimeError",
            "exception_message": "ERROR: Could not detect model type of: "
            "/srv/ComfyUI/models/checkpoints/tinyrand-a.safetensors\n\nmore",
            "traceback": ["  File ..."],
        },
        "sdxl",
    )
    assert error.detail == (
        "sdxl broke in CheckpointLoaderSimple (node 4): RuntimeError: ERROR: Could not detect "
        "model type of: tinyrand-a.safetensors"
    )
