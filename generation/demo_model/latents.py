"""Pictures as latents in memory: rendered and encoded once, captioned anew at every use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from generation.demo_model.domain import Kind, Picture, draw_lots
from generation.demo_model.render import render
from generation.demo_model.vae import as_tensor

Size = tuple[int, int]
"""Width and height of a picture in pixels."""

_ENCODED_AT_ONCE = 24


class LatentStore:
    """Latents of one picture size, replaced oldest first when full.

    ``workers`` render in processes of their own; 0 renders in this one. ``seed`` and the number
    of pictures added so far settle every picture, whatever the number of workers.
    """

    def __init__(
        self,
        *,
        vae: AutoencoderKL,
        size: Size,
        capacity: int,
        seed: str,
        look: str = "usual",
        pool: ProcessPoolExecutor | None = None,
    ) -> None:
        self._vae = vae
        self._size = size
        self._seed = f"{seed} {size[0]}x{size[1]}"
        self._look = look
        self._pool = pool
        self._added = 0
        cell = 2 ** (len(vae.config.block_out_channels) - 1)
        shape = (capacity, vae.config.latent_channels, size[1] // cell, size[0] // cell)
        self._latents = torch.zeros(shape, dtype=torch.float16)
        self._pictures: list[Picture] = []

    def __len__(self) -> int:
        return len(self._pictures)

    @torch.no_grad()
    def add(self, count: int, kinds: Mapping[Kind, float]) -> None:
        """Renders and encodes this many new pictures."""
        device = next(self._vae.parameters()).device
        seeds = [f"{self._seed} {self._added + i}" for i in range(count)]
        draw = partial(_draw, size=self._size, look=self._look, kinds=dict(kinds))
        for start in range(0, count, _ENCODED_AT_ONCE):
            part = seeds[start : start + _ENCODED_AT_ONCE]
            drawn = list(self._pool.map(draw, part, chunksize=8) if self._pool else map(draw, part))
            pixels = as_tensor(np.stack([pixels for _, pixels in drawn])).to(device)
            with torch.autocast(device.type, torch.bfloat16):
                latents = self._vae.encode(pixels).latent_dist.mean
            for (picture, _), latent in zip(drawn, latents.half().cpu(), strict=True):
                self._keep(picture, latent)

    def sample(self, rng: Random, count: int) -> tuple[Sequence[Picture], Tensor]:
        """Pictures drawn with replacement, and their latents (count, 4, rows, columns) in fp32."""
        places = [rng.randrange(len(self._pictures)) for _ in range(count)]
        return [self._pictures[p] for p in places], self._latents[places].float()

    def _keep(self, picture: Picture, latent: Tensor) -> None:
        place = self._added % len(self._latents)
        self._latents[place] = latent
        if place < len(self._pictures):
            self._pictures[place] = picture
        else:
            self._pictures.append(picture)
        self._added += 1


def _draw(
    seed: str, *, size: Size, look: str, kinds: Mapping[Kind, float]
) -> tuple[Picture, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    rng = Random(seed)
    picture = draw_lots(rng, kinds)
    return picture, np.array(render(picture, rng, width=size[0], height=size[1], look=look))


@contextmanager
def renderers(workers: int) -> Iterator[ProcessPoolExecutor | None]:
    """A pool of rendering processes, or none for 0 workers."""
    if workers == 0:
        yield None
        return
    with ProcessPoolExecutor(workers) as pool:
        yield pool
