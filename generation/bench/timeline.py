"""When a worker's model was busy, as ``generation.worker.bench.watched`` writes it down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DENOISER = "denoiser"
TEXT_ENCODER = "text_encoder"
DECODER = "decoder"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call of a part of the model. Times are those of the system's monotonic clock."""

    part: str
    began: float
    ended: float


def line_of(call: Call) -> str:
    """The call as a line that ``read`` understands."""
    return f"{call.part} {call.began:.6f} {call.ended:.6f} .\n"


def read(text: str) -> list[Call]:
    """The calls in the order in which they began. A last line that is not whole is left out."""
    calls = []
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) == 4 and words[3] == ".":
            calls.append(Call(part=words[0], began=float(words[1]), ended=float(words[2])))
    return sorted(calls, key=lambda call: call.began)


def delays(submitted: Iterable[float], calls: Sequence[Call]) -> list[float]:
    """Seconds from each of these moments to the first call after it, where there is one."""
    starts = [call.began for call in calls]
    firsts = [(at, next((start for start in starts if start >= at), None)) for at in submitted]
    return [start - at for at, start in firsts if start is not None]


def gaps(calls: Sequence[Call]) -> list[float]:
    """Seconds without a call after each picture, up to the next job's first call."""
    found = []
    for index, call in enumerate(calls[:-1]):
        if call.part != DECODER or calls[index + 1].part == DECODER:
            continue
        busy_until = max(earlier.ended for earlier in calls[: index + 1])
        found.append(max(0.0, calls[index + 1].began - busy_until))
    return found
