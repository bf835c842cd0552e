"""Jobs for a benchmark: different prompts and seeds, as different members send them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from generation.backends.base import ModelInfo, Work
from generation.types import JobId, Params, Task

_COLOURS = ("red", "blue", "green", "yellow", "white", "black")
_SHAPES = ("circle", "star", "heart", "square", "house", "tree")
_PLACES = ("on a blue background", "in the snow", "at night", "by the sea")

_NUMBERS = itertools.count(1)


def prompts() -> Iterator[str]:
    """Prompts that the shipped model understands; none comes twice within a hundred thousand."""
    for number in itertools.count():
        colour, shape, place = (
            _COLOURS[number % 6],
            _SHAPES[number // 6 % 6],
            _PLACES[number // 36 % 4],
        )
        yield f"a {colour} {shape} {place}, number {number}"


_PROMPTS = prompts()


def new_work(info: ModelInfo, **changes: object) -> Work:
    """A job of the model's defaults, with a prompt and a seed that no other has."""
    number = next(_NUMBERS)
    values: dict[str, object] = {
        "task": Task.TXT2IMG,
        "model": info.name,
        "prompt": next(_PROMPTS),
        "negative_prompt": "",
        "width": info.width,
        "height": info.height,
        "steps": info.steps,
        "guidance_scale": info.guidance_scale,
        "sampler": info.sampler,
        "scheduler": info.scheduler,
        "seed": number,
        "count": 1,
    }
    params = Params(**{**values, **changes})  # type: ignore[arg-type]  # names are Params' own
    return Work(job_id=JobId(f"bench-{number}"), params=params)


def small_side(info: ModelInfo) -> int:
    """A quarter of the model's own side, where processors and cards are not busy with one job."""
    return max(info.multiple_of, info.width // 4 // info.multiple_of * info.multiple_of)
