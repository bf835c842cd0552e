"""From pixels to files, beside the device's next work: PNGs with their settings inside."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image

from generation.backends.base import Work
from generation.infotext import write
from generation.types import Output, Task
from generation.worker.arguments import read_patch
from generation.worker.painter import Painting
from generation.worker.png import encode_png

_THREADS = 2
_MOST_BYTES = 256 * 1024 * 1024


class Finishers:
    """Threads that encode while the device draws on.

    ``submit`` waits while more than ``most_bytes`` are in hand, so that a device that is faster
    than they are cannot fill the memory with pixels. One that is larger alone still gets in.
    """

    def __init__(self, *, threads: int = _THREADS, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._in_hand = 0
        self._changed = threading.Condition()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="finish")

    def submit(self, function: Callable[..., None], *arguments: Any, size: int = 0) -> None:
        """Have a thread call the function, which must not raise. ``size`` is what it holds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._in_hand or self._in_hand + size <= self._most)
            self._in_hand += size
        self._pool.submit(self._call, function, arguments, size)

    def shutdown(self) -> None:
        """Wait for everything that was submitted."""
        self._pool.shutdown()

    def _call(self, function: Callable[..., None], arguments: tuple[Any, ...], size: int) -> None:
        try:
            function(*arguments)
        finally:
            with self._changed:
                self._in_hand -= size
                self._changed.notify_all()


def size_of(painting: Painting) -> int:
    """Bytes of pixels that the painting holds."""
    tensors = [picture.pixels for _, picture in painting.pictures]
    return sum(pixels.nbytes for pixels in tensors if pixels is not None)


def finish(painting: Painting, work: Work, model_title: str) -> tuple[Output, ...]:
    """One PNG per picture, in order, each with its own seed in its settings text.

    After inpainting the drawn part is put back into the input, whose size the result has: what
    the mask protects is the input's own pixels, not their copy through the model.
    """
    used = replace(work.params, scheduler=painting.scheduler)
    outputs: list[Output] = []
    for seed, decoded in painting.pictures:
        if decoded.pixels is None:
            continue
        pixels = decoded.pixels
        if work.params.task is Task.INPAINT:
            pixels = _restored(pixels, work)
        height, width, _ = pixels.shape
        outputs.append(
            Output(
                data=encode_png(pixels.numpy(), write(used, seed=seed, model_title=model_title)),
                media_type="image/png",
                width=width,
                height=height,
                seed=seed,
                flags=decoded.flags,
            )
        )
    return tuple(outputs)


def _restored(pixels: torch.Tensor, work: Work) -> torch.Tensor:
    restored = read_patch(work).restored(Image.fromarray(pixels.numpy()))
    return torch.from_numpy(np.array(restored))
