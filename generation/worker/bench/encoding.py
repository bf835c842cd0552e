"""What it costs to make a file of a picture."""

from __future__ import annotations

import time
from statistics import median

import torch

from generation.backends.base import ModelInfo
from generation.bench.jobs import new_work
from generation.worker.finishing import finish
from generation.worker.painter import Painting
from generation.worker.pixels import Decoded

_SIDE = 1024
_TIMES = 7
_STEEPNESS = 1.3


def encode_1024_cpu_ms(info: ModelInfo) -> float:
    """Processor time, in milliseconds, for a lossless file of a picture like a photograph."""
    work = new_work(info, width=_SIDE, height=_SIDE)
    pixels = photograph()
    times = []
    for _ in range(_TIMES):
        painting = Painting(pictures=[(work.params.seed, Decoded(pixels=pixels))])
        began = time.process_time()
        finish(painting, work, info.title)
        times.append(time.process_time() - began)
    return median(times) * 1000


def photograph() -> torch.Tensor:
    """1024 × 1024 × 3 bytes with a photograph's spectrum and grain: 2 MB as an ordinary PNG."""
    generator = torch.Generator().manual_seed(0)
    frequencies = torch.fft.fftfreq(_SIDE)
    distance = (frequencies[:, None] ** 2 + frequencies[None] ** 2).sqrt().clamp(min=1 / _SIDE)
    noise = torch.randn(3, _SIDE, _SIDE, generator=generator)
    clouds = torch.fft.ifft2(torch.fft.fft2(noise) / distance**_STEEPNESS).real
    clouds = clouds / clouds.std(dim=(1, 2), keepdim=True)
    grain = torch.randn(clouds.shape, generator=generator) * 2
    values = (clouds * 45 + 128 + grain).clamp(0, 255)
    return torch.as_tensor(values.permute(1, 2, 0).round().to(torch.uint8).contiguous())
