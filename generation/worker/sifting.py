"""Which pictures a member gets: none that is no picture, none the model's checker withholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from generation.errors import BlankOutput, Withheld
from generation.worker.pixels import Decoded

_WITHHELD = "withheld"

Seeded = tuple[int, Decoded]
"""A picture and the seed that made it."""


def withhold(pipe: Any, decoded: Sequence[Decoded], device: torch.device) -> None:
    """Let the model's safety checker, if it came with one, take pictures out."""
    checker = getattr(pipe, "safety_checker", None)
    if checker is None:
        return
    for picture in decoded:
        if picture.pixels is None:
            continue
        values = picture.pixels.permute(2, 0, 1)[None].to(device).float() / 127.5 - 1
        _, found = pipe.run_safety_checker(values, device, checker.dtype)
        if found and found[0]:
            picture.pixels = None
            picture.flags = frozenset({_WITHHELD})


def sift(pictures: Sequence[Seeded], dtype: torch.dtype) -> tuple[list[Seeded], list[str]]:
    """The pictures there are, and notes on those there are not.

    ``dtype`` is what the model computed in. Raises ``Withheld`` or ``BlankOutput`` when none is
    left.
    """
    kept = [(seed, picture) for seed, picture in pictures if picture.pixels is not None]
    lost = [picture for _, picture in pictures if picture.pixels is None]
    withheld = sum(_WITHHELD in picture.flags for picture in lost)
    if not kept and withheld:
        raise Withheld
    if not kept:
        name = str(dtype).removeprefix("torch.")
        advice = "" if dtype == torch.float32 else '; precision = "float32" may help'
        raise BlankOutput(detail=f"not a number in {name}{advice}")
    total = len(pictures)
    notes = []
    if withheld:
        notes.append(f"The model's safety checker withheld {withheld} of {total} pictures.")
    if len(lost) > withheld:
        notes.append(f"{len(lost) - withheld} of {total} came out empty and were left out.")
    return kept, notes
