"""What such servers answer, and what they refuse."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from generation.backends.openai_images.refusals import of_reply, read_pause
from generation.backends.openai_images.replies import (
    Answer,
    Failure,
    Partial,
    read_answer,
    read_event,
)
from generation.backends.remote.reply import Reply
from generation.backends.remote.server import Server
from generation.errors import (
    BackendError,
    BadReply,
    Busy,
    OutOfMemory,
    Rejected,
    Unavailable,
    Withheld,
)

PNG = base64.b64encode(b"\x89PNG picture").decode()
NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)


def refusal(status: int, body: object, **headers: str) -> BackendError:
    reply = Reply(
        server=Server.at("https://api.example.com/v1", token="secret"),
        status=status,
        media_type="application/json",
        body=json.dumps(body).encode(),
        headers=headers,
    )
    return of_reply(reply, NOW.timestamp())


def test_pictures_come_as_base64_or_as_where_they_are() -> None:
    answer = read_answer(
        {
            "created": 1764290000,
            "data": [{"b64_json": PNG}, {"url": "/v1/images/a/content", "b64_json": None}],
            "usage": {"total_tokens": 1056, "input_tokens": 16, "output_tokens": 1040},
        }
    )
    assert answer.pictures == (b"\x89PNG picture", "/v1/images/a/content")
    assert answer.tokens == 1056


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"data": None},
        {"data": [{}]},
        {"data": [{"b64_json": "???"}]},
        {"data": [{"url": 3}]},
    ],
)
def test_an_answer_without_pictures_is_a_bad_reply(body: object) -> None:
    with pytest.raises(BadReply):
        read_answer(body)


def test_a_stream_shows_unfinished_pictures_and_ends_with_the_finished_one() -> None:
    partial = {"type": "image_generation.partial_image", "b64_json": PNG, "partial_image_index": 0}
    assert read_event(json.dumps(partial)) == Partial(data=b"\x89PNG picture")
    done = {"type": "image_edit.completed", "b64_json": PNG, "usage": {"total_tokens": 7}}
    assert read_event(json.dumps(done)) == Answer(pictures=(b"\x89PNG picture",), tokens=7)


def test_other_events_are_passed_over_and_errors_are_not() -> None:
    assert read_event("[DONE]") is None
    assert read_event('{"type": "image_generation.in_progress"}') is None
    error = {"type": "error", "error": {"code": "moderation_blocked", "message": "no"}}
    assert isinstance(read_event(json.dumps(error)), Failure)
    with pytest.raises(BadReply):
        read_event("{")


@pytest.mark.parametrize("code", ["moderation_blocked", "content_policy_violation"])
def test_content_rules_are_told_to_the_member(code: str) -> None:
    error = refusal(400, {"error": {"code": code, "message": "Your request was rejected …"}})
    assert isinstance(error, Withheld)
    assert "content rules" in error.sentence


def test_a_rate_limit_is_no_failure_but_a_time_to_wait() -> None:
    body = {"error": {"code": "rate_limit_exceeded", "message": "Limit 5 / min."}}
    error = refusal(429, body, **{"retry-after": "12"})
    assert isinstance(error, Busy)
    assert error.retry_after == 12


def test_an_overloaded_server_that_says_how_long_is_busy_and_one_that_does_not_is_down() -> None:
    assert isinstance(refusal(503, {"detail": "loading"}, **{"retry-after": "30"}), Busy)
    error = refusal(503, {"detail": "Diffusion engine not initialized."})
    assert type(error) is Unavailable


def test_an_empty_account_is_not_waited_for() -> None:
    error = refusal(429, {"error": {"code": "insufficient_quota", "message": "…"}})
    assert type(error) is Unavailable
    assert "no credit" in str(error.detail)


def test_a_bad_setting_is_rejected_in_the_servers_words() -> None:
    error = refusal(400, {"error": {"message": "Invalid value: '2x2'.", "param": "size"}})
    assert isinstance(error, Rejected)
    assert "Invalid value" in str(error.detail)
    details = {"detail": [{"loc": ["body", "prompt"], "msg": "field required", "type": "x"}]}
    assert "prompt: field required" in str(refusal(422, details).detail)


def test_a_wrong_key_is_a_matter_of_the_login() -> None:
    error = refusal(401, {"error": {"code": "invalid_api_key", "message": "Incorrect key: sk-1"}})
    assert isinstance(error, Unavailable)
    assert "does not accept our login" in str(error.detail)
    assert "sk-1" not in str(error)


def test_a_lost_model_and_a_full_memory_are_told_apart() -> None:
    gone = refusal(404, {"error": {"code": "model_not_found", "message": "no such model"}})
    assert isinstance(gone, Unavailable)
    assert isinstance(refusal(500, {"detail": "CUDA out of memory. Tried …"}), OutOfMemory)
    assert isinstance(refusal(500, "x"), BadReply)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "Sat, 28 Nov 2026 03:01:00 GMT"}, 60.0),
        ({"retry-after": "Sat, 28 Nov 2026 02:00:00 GMT"}, 0.0),
        ({"retry-after": "999999"}, 3600.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_each_of_its_forms(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert read_pause(headers, NOW) == seconds
