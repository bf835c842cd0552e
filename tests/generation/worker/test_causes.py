"""Why a worker cannot start, in words that an operator can act on."""

from __future__ import annotations

import pytest

from generation.errors import Unavailable
from generation.worker.causes import (
    why_not_importable,
    why_not_started,
    why_not_understood,
)

OTHER_BUILD = (
    "this build of torch is not for this card, see https://pytorch.org/get-started/locally"
)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("No module named 'torch'", name="torch._C"), "pip install torch"),
        (ModuleNotFoundError("No module named 'x'", name="generation.x"), "Easel itself"),
        (ImportError("libcudart.so.12: cannot open shared object file"), "libcudart.so.12"),
        (OSError("libcudart.so.12: cannot open shared object file"), "pytorch.org"),
    ],
)
def test_a_library_that_does_not_load_is_named_with_what_to_do(
    error: Exception, words: str
) -> None:
    assert words in why_not_importable(error)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Unavailable(detail="there is no folder x"), "there is no folder x"),
        (ZeroDivisionError("by nothing"), "ZeroDivisionError: by nothing"),
        (
            RuntimeError("CUDA error: no kernel image is available for execution\nCompile with"),
            f"RuntimeError: CUDA error: no kernel image is available for execution; {OTHER_BUILD}",
        ),
    ],
)
def test_a_start_that_fails_is_told_in_one_line(error: Exception, sentence: str) -> None:
    assert why_not_started(error) == sentence


def test_a_program_changed_under_a_running_bot_is_named() -> None:
    assert "start the bot again" in why_not_understood(ValueError("other fields"))
