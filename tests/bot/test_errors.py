from __future__ import annotations

import logging

import pytest
from discord import app_commands

from bot import errors
from generation.errors import GenerationError, InvalidParams, OutOfMemory, QueueFull, UnknownJob


@pytest.mark.parametrize(
    "error", [QueueFull(), UnknownJob(), OutOfMemory(), InvalidParams("steps", "Steps are 1 to 9.")]
)
def test_our_own_errors_speak_for_themselves(error: GenerationError) -> None:
    assert errors.explain(error) == errors.Told(sentence=error.sentence)


def test_a_removed_command_asks_for_a_reload() -> None:
    told = errors.explain(app_commands.CommandNotFound("old", []))
    assert "reload Discord" in told.sentence
    assert told.report_id is None


def test_an_unexpected_error_shows_an_id_that_is_in_the_log_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = RuntimeError("the password is hunter2")
    told = errors.explain(error)
    assert told.report_id is not None
    assert told.report_id in told.sentence
    assert "hunter2" not in told.sentence
    errors.record(error, told, where="command:imagine")
    assert told.report_id in caplog.text


def test_members_own_mistakes_are_no_alarm_for_the_operator(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = InvalidParams("steps", "Steps are 1 to 9.")
    with caplog.at_level(logging.WARNING):
        errors.record(error, errors.explain(error), where="command:imagine")
    assert not caplog.records
