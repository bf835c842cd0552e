"""What a worker's exit status means, in words for the operator's log."""

from __future__ import annotations

import signal

from generation.worker import protocol

_SIGNALS = {
    "SIGKILL": "probably because the machine ran out of memory",
    "SIGSEGV": "a fault in native code, such as a driver's",
    "SIGBUS": "a file it was reading changed or was cut short, or the memory is faulty",
    "SIGABRT": "a library gave up",
    "SIGILL": "a library was built for another processor",
    "SIGTERM": "something on this machine asked it to end",
}

_STATUSES = {
    0: "ended by itself",
    protocol.EXIT_CANNOT_START: "could not start",
    protocol.EXIT_DEVICE_LOST: "ended because its device has to be opened afresh",
    protocol.EXIT_MEMORY: "ended because memory ran out again and again",
}

# Windows has no signals: a process that faults ends with the fault's number.
_WINDOWS = {0xC0000005: "SIGSEGV", 0xC000001D: "SIGILL", 0xC0000409: "SIGABRT"}

_STUCK = "Timeout ("  # how the report of the interpreter's own watchdog begins, on all threads
_FATAL = "Fatal Python error"  # and that of a fault in native code, on the one that was at fault
_ESSENCE = 700
_OF_ALL_THREADS = 3000


def describe_death(status: int, last_words: str) -> str:
    """How a worker ended that nobody here has killed, as what follows "the worker".

    ``status`` is the exit status, negative for a signal; ``last_words`` what it wrote on stderr.
    """
    name = _signal_name(status)
    if name is not None:
        meaning = _SIGNALS.get(name)
        return f"was killed by {name}" + (f": {meaning}" if meaning else "")
    if status in _STATUSES:
        return _STATUSES[status]
    if _STUCK in last_words:
        return "stood still in native code and ended itself"
    return f"ended with status {status}"


def essence(last_words: str) -> str:
    """The part of its last words that tells most: where it crashed or stood still, else the end."""
    for mark, length in ((_FATAL, _ESSENCE), (_STUCK, _OF_ALL_THREADS)):
        start = last_words.rfind(mark)
        if start >= 0:
            return last_words[start : start + length]
    return last_words[-_ESSENCE:]


def _signal_name(status: int) -> str | None:
    if status >= 0:
        return _WINDOWS.get(status)
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
