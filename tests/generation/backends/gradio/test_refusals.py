"""Answers that mean no, told with cause and mend."""

from __future__ import annotations

import json

import pytest

from generation.backends.gradio.app import App
from generation.backends.gradio.refusals import of_reply
from generation.backends.remote.reply import Reply
from generation.backends.remote.server import Server
from generation.errors import BackendError, BadReply, Rejected, Unavailable

SERVER = Server.at("http://box:7860")
MISSING = [{"type": "missing", "loc": ["body", "session_hash"], "msg": "Field required"}]


def error_for(status: int, body: object, version: str = "5.50.0") -> BackendError:
    app = App(version=version, title="", protocol="sse_v3", prefix="", endpoints=())
    text = body if isinstance(body, str) else json.dumps(body)
    media_type = "text/html" if text.startswith("<") else "application/json"
    reply = Reply(server=SERVER, status=status, media_type=media_type, body=text.encode())
    return of_reply(reply, app)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (503, {"detail": "Queue is full. Max size is 2 and size is 2."}, Unavailable, "is full"),
        (503, {"detail": "Queue is stopped."}, Unavailable, "stopping or starting anew"),
        (503, "<html>Space is sleeping", Unavailable, ""),
        (500, "Internal Server Error", Unavailable, "no longer has the function"),
        (500, "Traceback (most recent call last) /home/x", Unavailable, "no longer has"),
        (
            404,
            {"detail": "This API endpoint does not accept direct HTTP POST"},
            Unavailable,
            "closed",
        ),
        (401, {"detail": "Not authenticated"}, Unavailable, "login"),
        (422, {"detail": "odd"}, BadReply, "does not understand"),
        (200, "<html>Welcome", BadReply, "web page"),
        (204, "", BadReply, "in a way that no known Gradio does"),
    ],
)
def test_each_answer_has_its_cause(
    status: int, body: object, kind: type[BackendError], words: str
) -> None:
    error = error_for(status, body)
    assert isinstance(error, kind)
    assert words in (error.detail or "")
    assert "/home" not in (error.detail or "")


@pytest.mark.parametrize("version", ["3.36.0", "3.50.2"])
def test_fields_that_pydantic_2_misses_are_told_with_their_mend(version: str) -> None:
    error = error_for(422, {"detail": MISSING}, version)
    assert isinstance(error, BadReply)
    assert f"runs Gradio {version}, which Pydantic 2 breaks" in (error.detail or "")


def test_an_inputs_own_check_is_told_to_whoever_asked() -> None:
    fault = {
        "__type__": "validate",
        "is_valid": False,
        "message": "Too long",
        "parameter_name": "x",
    }
    error = error_for(422, {"detail": [fault]})
    assert isinstance(error, Rejected)
    assert error.sentence == "The image generator says: x: Too long"
