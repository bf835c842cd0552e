"""The library's own pipeline over the same weights, as one would write it without Easel."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import torch

from generation.backends.base import Work
from generation.worker.families.base import Guidance
from generation.worker.models import LoadedModel


class Bare:
    """Draws with a plain pipeline, in one thread of its own with the worker's thread count."""

    def __init__(self, model: LoadedModel, threads: int | None) -> None:
        self._model = model
        self._thread = ThreadPoolExecutor(1, "bare", initializer=_bound, initargs=(threads,))

    def seconds(self, works: Sequence[Work]) -> float:
        """How long the jobs take as one batch, up to pictures in memory. They differ in prompts."""
        return self._thread.submit(self._timed, works).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def _timed(self, works: Sequence[Work]) -> float:
        began = time.monotonic()
        self.draw(works)
        return time.monotonic() - began

    def draw(self, works: Sequence[Work]) -> Any:
        """The pictures of the jobs, drawn in the caller's thread."""
        model, first = self._model, works[0].params
        pipe, _ = model.pipeline(first.task, first.sampler, first.scheduler)
        model.family.insist(pipe, first.width, first.height)
        arguments: dict[str, Any] = {
            "prompt": [work.params.prompt for work in works],
            "width": first.width,
            "height": first.height,
        }
        # Elsewhere an empty one would switch a second kind of guidance on.
        is_guided = model.traits.guidance is Guidance.CLASSIFIER_FREE
        if is_guided and first.guidance_scale > model.family.guided_above:
            arguments["negative_prompt"] = [work.params.negative_prompt for work in works]
        accepted = inspect.signature(pipe.__call__).parameters
        chosen = {name: value for name, value in arguments.items() if name in accepted}
        return pipe(
            num_inference_steps=first.steps,
            generator=[torch.Generator().manual_seed(work.params.seed) for work in works],
            output_type="pil",
            **{**model.family.options, **model.family.guide(first.guidance_scale), **chosen},
        ).images


def _bound(threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)  # holds for the calling thread only
