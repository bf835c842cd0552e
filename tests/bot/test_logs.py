"""The log: its two forms, and what never reaches it."""

from __future__ import annotations

import io
import json
import logging

import pytest

from bot.logs import REMOVED, Redactor, set_up_logging

TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"login with {TOKEN} failed", f"login with {REMOVED} failed"),
        ("POST /webhooks/123/aW50ZXJhY3Rpb24?wait=1", f"POST /webhooks/123/{REMOVED}?wait=1"),
        (
            "https://x/api/v10/interactions/12/abc.d-e_f/callback",
            f"https://x/api/v10/interactions/12/{REMOVED}/callback",
        ),
        ("{'Authorization': 'Bot abc'}", f"{{'Authorization': {REMOVED}'}}"),
        ("authorization: Bearer abc", f"authorization: {REMOVED}"),
        ("proxy http://me:hunter2@host:1", f"proxy http://me:{REMOVED}@host:1"),
        ("job=abc model=demo seed=42", "job=abc model=demo seed=42"),
    ],
)
def test_secrets_of_known_shape_are_taken_out(text: str, clean: str) -> None:
    assert Redactor()(text) == clean


def test_secrets_it_was_given_are_taken_out_whatever_their_shape() -> None:
    assert Redactor(["swordfish"])("a swordfish") == f"a {REMOVED}"


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_traceback_is_cleaned_too(style: str) -> None:
    stream = io.StringIO()
    set_up_logging(level="info", style=style, secrets=["swordfish"], stream=stream)
    try:
        int(f"swordfish {TOKEN}")
    except ValueError:
        logging.getLogger("bot.x").exception("failed job=1")
    assert "swordfish" not in stream.getvalue()
    assert TOKEN not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_a_line_break_cannot_pose_as_a_line_of_its_own() -> None:
    stream = io.StringIO()
    set_up_logging(level="info", style="text", stream=stream)
    logging.getLogger("bot.x").info("named name=%s", "a\n2026 INFO forged")
    assert stream.getvalue().count("\n") == 1


def test_json_lines_have_time_level_logger_and_message() -> None:
    stream = io.StringIO()
    set_up_logging(level="info", style="json", stream=stream)
    logging.getLogger("bot.x").warning("backend_down backend=%s", "a")
    entry = json.loads(stream.getvalue())
    assert entry.pop("time").endswith("+00:00")
    assert entry == {"level": "warning", "logger": "bot.x", "message": "backend_down backend=a"}


def test_libraries_that_log_bodies_stay_quiet_at_debug() -> None:
    stream = io.StringIO()
    set_up_logging(level="debug", style="text", stream=stream)
    logging.getLogger("discord.http").debug("body")
    logging.getLogger("sqlalchemy.engine.Engine").info("body")
    logging.getLogger("bot.x").debug("ours")
    assert "body" not in stream.getvalue()
    assert "ours" in stream.getvalue()
