"""What `easel check` tells of a backend that is another program behind an address."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Iterator

from bot.config import EngineConfig
from bot.engines import deadlines_of, server_of
from generation.backends.base import Capabilities, Health, ModelInfo
from generation.backends.remote.probe import Kind
from generation.backends.remote.wire import Wire
from generation.errors import BackendError, BadReply
from generation.tools import WORDS
from generation.types import Task

_SHOWN = 8


async def seconds_to_and_fro(config: EngineConfig) -> float | None:
    """How long the engine takes for a small answer; None where it gives none.

    Asked twice: the first time also opens the connection.
    """
    wire = Wire(server_of(config), deadlines=deadlines_of(config))
    try:
        for _ in range(2):
            began = time.monotonic()
            with contextlib.suppress(BadReply):  # a redirect to its page is an answer as well
                await wire.get("")
            seconds = time.monotonic() - began
    except BackendError:
        return None
    finally:
        await wire.aclose()
    return seconds


def lines_of(
    config: EngineConfig, offer: Capabilities, health: Health, seconds: float | None
) -> Iterator[str]:
    """What it is, how far away, what it offers, can do and allows; one line each."""
    what = health.device or Kind(config.kind).words
    distance = "" if seconds is None else f", answers within {math.ceil(seconds * 1000)} ms"
    jobs = "1 job" if health.slots == 1 else f"{health.slots} jobs"
    yield f"{what} at {config.url}{distance}, {jobs} at once"
    yield f"models {_listed(_with_size(model) for model in offer.models)}"
    tasks = {task for model in offer.models for task in model.tasks}
    yield f"can {_listed(WORDS[task] for task in Task if task in tasks)}"
    yield from _choices(offer.models)
    yield from _limits(offer.models)


def _choices(models: Iterable[ModelInfo]) -> Iterator[str]:
    lists = {
        "samplers": [name for model in models for name in model.samplers],
        "schedules": [name for model in models for name in model.schedulers],
        "LoRAs": [lora.name for model in models for lora in model.loras],
        "controls": [control.name for model in models for control in model.controls],
        "options of its own": [option.name for model in models for option in model.options],
    }
    for what, names in lists.items():
        if names:
            yield f"{what} {_listed(dict.fromkeys(names))}"


def _limits(models: Iterable[ModelInfo]) -> Iterator[str]:
    """The limits that its models have, each with the models that have it."""
    by_limit: dict[str, list[str]] = {}
    for model in models:
        if model.sizes:
            size = "sizes " + ", ".join(f"{width}×{height}" for width, height in model.sizes)
        else:
            size = f"sides {model.min_side} to {model.max_side} in steps of {model.multiple_of}"
        limit = f"{size}, up to {model.max_steps} steps and {model.max_count} pictures"
        by_limit.setdefault(limit, []).append(model.name)
    for limit, names in by_limit.items():
        yield f"limits {limit}" + ("" if len(by_limit) == 1 else f": {_listed(names)}")


def _with_size(model: ModelInfo) -> str:
    return f"{model.name} ({model.width}×{model.height})"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
