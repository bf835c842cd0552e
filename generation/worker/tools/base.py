"""What every tool is: made of a file or folder once, then put to work on many pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from PIL import Image

from generation.types import Output, Params
from generation.worker.gatherer import Seat


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """A picture to be worked on. ``alpha`` is its opacity, None where it is opaque.

    The tool's module lies on ``device`` in ``dtype``, and is called through ``seat`` alone.
    ``on_step`` is told how many of how many parts are done; ``settings`` is the text that the
    picture's file carries about its making.
    """

    params: Params
    picture: Image.Image
    alpha: Image.Image | None
    settings: str | None
    device: torch.device
    dtype: torch.dtype
    seat: Seat
    on_step: Callable[[int, int], None]


class Tool(Protocol):
    """A tool in the machine's memory."""

    @property
    def module(self) -> Any:
        """Its weights, a ``torch.nn.Module``, in float32 on the processor between jobs."""
        ...

    def dtype_on(self, device: torch.device, usual: torch.dtype) -> torch.dtype:
        """The precision that it is used with there; ``usual`` is the worker's own."""
        ...

    def work(self, bench: Bench) -> Output:
        """Do what the tool is for, in the job's thread.

        Raises ``JobCancelled`` between two calls of its module, and what the device raises: where
        that is want of memory, it has tried its smaller ways before.
        """
        ...
