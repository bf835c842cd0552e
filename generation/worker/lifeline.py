"""Ends the worker with its parent, or when it hangs in native code, and leaves a last word."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import functools
import signal
import sys
import threading
import time
from pathlib import Path

STUCK_SECONDS = 50.0
"""How long the interpreter may stand still, its lock held by native code, before the process ends.

Shorter than the parent's patience with a worker that does not answer, so that the log gets the
stacks of all threads rather than a bare "killed".
"""

_PULSE_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1
_FIRST_TO_GO = "600"  # of 1000; the bot itself is at 0


def attach() -> None:
    """Have a crash in native code write the stack to stderr.

    On Linux also have the parent's death kill this process whatever it is doing, and a machine
    that runs out of memory lose it before the bot.
    """
    faulthandler.enable(all_threads=False)
    if sys.platform == "linux":
        _die_with_parent()
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")


@functools.cache
def watch_interpreter() -> None:
    """From now on a standstill of ``STUCK_SECONDS`` ends the process. Not for its start.

    Loading the libraries from a slow disk takes as long, and is no hang.
    """
    threading.Thread(target=_pulse, name="pulse", daemon=True).start()


def _pulse() -> None:
    """Put the alarm off as long as this thread gets its turn; the alarm itself needs none."""
    while True:
        faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
        time.sleep(_PULSE_SECONDS)


def _die_with_parent() -> None:
    # The pipe's end is noticed by a thread, which native code can keep from running.
    with contextlib.suppress(OSError, AttributeError):  # a C library without it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
