"""The real worker with real faults in it: which one befalls a job is decided by its width.

Arguments name faults that strike at the start instead: ``no-torch``, ``no-room``, ``killed``.
"""

from __future__ import annotations

import ctypes
import importlib.abc
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

FIFO = "FAULTY_WORKER_FIFO"
"""A pipe that some faults open before they strike, and so wait for somebody who reads it."""

CELL = 8  # pixels to a side of a latent's cell

FEW_ONLY, TILES_ONLY, NO_ROOM = 80, 96, 112
HALF_PRECISION_OVERFLOWS, DENOISER_OVERFLOWS, BLACK = 128, 144, 160
DEVICE_LOST, SEGFAULT, KILLED, STANDSTILL, SLEEP = 176, 192, 208, 224, 240
SEGFAULT_WHEN_TOLD = 256


def main(*faults: str) -> None:
    if "no-torch" in faults:
        sys.meta_path.insert(0, _WithoutTorch())
    else:
        _arm(faults)
    from generation.worker.__main__ import main as work  # noqa: PLC0415  # faults come first

    work()


class _WithoutTorch(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _arm(faults: tuple[str, ...]) -> None:
    warnings.simplefilter("ignore")
    import diffusers  # noqa: PLC0415  # not without torch

    library: Any = diffusers
    _arm_denoiser(library.UNet2DConditionModel)
    _arm_decoder(library.AutoencoderKL)
    if "no-room" in faults:
        library.StableDiffusionPipeline.to = _no_room
    if "killed" in faults:
        library.StableDiffusionPipeline.to = _kill


def _arm_denoiser(kind: Any) -> None:
    before: dict[int, Callable[[Any], object]] = {
        FEW_ONLY: lambda sample: _no_room() if len(sample) > 2 else None,  # guided: two rows each
        NO_ROOM: _no_room,
        DEVICE_LOST: _lose_device,
        SEGFAULT: lambda _: ctypes.string_at(0),
        SEGFAULT_WHEN_TOLD: lambda _: _told(lambda: ctypes.string_at(0)),
        KILLED: _kill,
        # The first keeps the interpreter's lock, the second gives it to other threads.
        STANDSTILL: lambda _: _told(lambda: ctypes.PyDLL(None).sleep(600)),
        SLEEP: lambda _: _told(lambda: time.sleep(600)),
    }
    forward = kind.forward

    def denoise(self: Any, sample: Any, *args: Any, **options: Any) -> Any:
        width = sample.shape[-1] * CELL
        before.get(width, lambda _: None)(sample)
        answer = forward(self, sample, *args, **options)
        if width == DENOISER_OVERFLOWS:
            answer[0].fill_(float("inf"))
        return answer

    kind.forward = denoise


def _arm_decoder(kind: Any) -> None:
    original = kind.decode

    def decode(self: Any, latents: Any, **options: Any) -> Any:
        width = latents.shape[-1] * CELL
        if width == TILES_ONLY and not self.use_tiling:
            _no_room()
        (picture,) = original(self, latents, **options)
        if width == HALF_PRECISION_OVERFLOWS and str(self.dtype) != "torch.float32":
            picture = picture * float("nan")
        if width == BLACK:
            picture = picture.new_full(picture.shape, -1.0)
        return (picture,)

    kind.decode = decode


def _no_room(*_: object) -> None:
    import torch  # noqa: PLC0415  # not without torch

    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


def _lose_device(_: object) -> None:
    import torch  # noqa: PLC0415  # not without torch

    raise torch.AcceleratorError("CUDA error: device-side assert triggered")


def _kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _told(fault: Callable[[], object]) -> None:
    """Wait for somebody at the pipe, then let it happen."""
    os.close(os.open(os.environ[FIFO], os.O_WRONLY))
    fault()


if __name__ == "__main__":
    main(*sys.argv[1:])
