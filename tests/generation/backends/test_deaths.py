"""An exit status in words."""

from __future__ import annotations

import pytest

from generation.backends.deaths import describe_death, essence
from generation.worker import protocol


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-9, "was killed by SIGKILL: probably because the machine ran out of memory"),
        (-11, "was killed by SIGSEGV: a fault in native code"),
        (-10, "was killed by SIGUSR1"),
        (-120, "was killed by signal 120"),
        (0xC0000005, "was killed by SIGSEGV"),
        (0, "ended by itself"),
        (protocol.EXIT_DEVICE_LOST, "its device has to be opened afresh"),
        (3, "ended with status 3"),
    ],
)
def test_a_death_is_named(status: int, words: str) -> None:
    assert words in describe_death(status, "")


def test_a_standstill_is_told_from_other_failures_by_its_report() -> None:
    assert "stood still" in describe_death(1, "Timeout (0:00:50)!\nThread 0x1:\n  File")


def test_of_its_last_words_the_place_of_a_crash_tells_most() -> None:
    report = "Fatal Python error: Segmentation fault\n\nCurrent thread:\n  File painter.py"
    words = "some warning\n" + report + "\nExtension modules: " + "numpy, " * 300
    assert essence(words).startswith(report)
    assert essence("x" * 5000 + "ImportError: no torch").endswith("ImportError: no torch")
