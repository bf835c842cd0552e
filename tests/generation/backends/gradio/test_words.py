"""An app's failures: its own words where they help, ours where they would not."""

from __future__ import annotations

import pytest

from generation.backends.gradio.words import failure, rejected, said
from generation.errors import OutOfMemory, Rejected


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("'quoted as Python does'", "quoted as Python does"),
        ("<p>ok</p>\n", "ok"),
        ("Fish &amp; chips <a href='x'>here</a>.", "Fish & chips here."),
        ("x" * 400, "x" * 299 + "…"),
        (None, ""),
        (3, ""),
    ],
)
def test_a_message_becomes_plain_text(written: object, text: str) -> None:
    assert said(written) == text


def test_the_apps_own_error_reaches_whoever_asked() -> None:
    error = failure({"error": "'Your prompt is too long.'", "visible": True, "title": "Error"})
    assert isinstance(error, Rejected)
    assert not error.retryable
    assert error.sentence == "The image generator says: Your prompt is too long."
    assert "prompt is too long" not in (error.detail or "")


def test_a_quota_is_told_with_its_mend() -> None:
    error = failure({"error": "You have exceeded your GPU quota (60s requested vs. 56s left)."})
    assert "GPU quota" in error.sentence
    assert "token" in (error.detail or "")


@pytest.mark.parametrize(
    "text",
    [
        "[Errno 2] No such file: /home/somebody/models/x",
        "Traceback (most recent call last)",
        r"C:\Users\somebody",
        "object at 0x7f0011223344",
    ],
)
def test_what_is_no_business_of_members_is_not_shown(text: str) -> None:
    for error in (failure({"error": text}), rejected(text)):
        assert error.sentence == Rejected.default_sentence


@pytest.mark.parametrize("output", [{"error": None}, None, {}, [], {"error": {"x": 1}}])
def test_a_hidden_reason_is_said_to_be_hidden(output: object) -> None:
    assert "hides the reason" in (failure(output).detail or "")


def test_a_full_device_is_known_by_its_words() -> None:
    assert isinstance(
        failure({"error": "CUDA out of memory. Tried to allocate 2 GiB"}), OutOfMemory
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Value 100 is greater than maximum value 20.", "does not accept a value"),
        ("Value: zzz is not in the list of choices: ['a']", "does not accept a value"),
        (
            "An event handler (draw) didn't receive enough input values (needed: 8, got: 7)",
            "changed",
        ),
    ],
)
def test_an_app_that_changed_is_the_operators_matter(text: str, words: str) -> None:
    error = failure({"error": text})
    assert words in (error.detail or "")
    assert text not in error.sentence
