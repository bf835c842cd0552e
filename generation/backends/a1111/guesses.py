"""What suits a checkpoint of which only the name is known: the API does not tell its family."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Guess:
    """Defaults for those who say nothing: pixels of a side, steps, guidance, sampler, schedule."""

    side: int = 512
    steps: int = 25
    guidance: float = 7.0
    sampler: str = "Euler a"
    scheduler: str = "Automatic"


_FAST = re.compile(r"turbo|lightning|hyper|lcm|dmd", re.IGNORECASE)
_FAST_STEPS = 8
_FAST_GUIDANCE = 1.5

# The first that matches counts.
_FAMILIES: tuple[tuple[re.Pattern[str], Guess], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), guess)
    for pattern, guess in (
        (
            r"schnell",
            Guess(side=1024, steps=4, guidance=1.0, sampler="Euler", scheduler="Simple"),
        ),
        (
            r"flux|kontext|krea",
            Guess(side=1024, steps=20, guidance=1.0, sampler="Euler", scheduler="Simple"),
        ),
        (
            r"z[-_ ]?image",
            Guess(side=1024, steps=9, guidance=1.0, sampler="Euler", scheduler="Simple"),
        ),
        (
            r"chroma|qwen|hidream|lumina|anima\b",
            Guess(side=1024, steps=25, guidance=4.0, sampler="Euler", scheduler="Simple"),
        ),
        (
            r"sd[-_ ]?3|stable-diffusion-3",
            Guess(side=1024, steps=28, guidance=4.5, sampler="Euler", scheduler="SGM Uniform"),
        ),
        (r"xl|pony|illustrious|noob|animagine", Guess(side=1024, guidance=6.0)),
        (r"768|v2[-_.]1|sd[-_ ]?2", Guess(side=768)),
    )
)


def guess(name: str) -> Guess:
    """What suits a checkpoint of that name; Stable Diffusion 1.5 where the name says nothing."""
    found = next((guess for pattern, guess in _FAMILIES if pattern.search(name)), Guess())
    if not _FAST.search(name):
        return found
    return Guess(
        side=found.side,
        steps=min(found.steps, _FAST_STEPS),
        guidance=min(found.guidance, _FAST_GUIDANCE),
        sampler=found.sampler,
        scheduler=found.scheduler,
    )
