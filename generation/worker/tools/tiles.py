"""Pictures enlarged tile by tile: memory is bounded by a row of tiles, and no seam shows.

Each tile sees ``margin`` pixels more on every side than it is alone responsible for. Two
neighbours share twice as many; what lies nearest to a tile's edge, where it lacks context, is not
used, and over the rest one fades into the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

Draw = Callable[[torch.Tensor], torch.Tensor]
"""Enlarges a tile: 3 × height × width in 0 … 1, to as many times more, on the processor."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A tile's pixels in one direction, ``start`` … ``stop``, and what each counts, 0 … 1.

    The weights are of the enlarged tile. Those of all spans at one place add up to 1.
    """

    start: int
    stop: int
    weights: torch.Tensor


def spans(length: int, *, side: int, margin: int, scale: int) -> list[Span]:
    """Tiles of at most ``side`` pixels that cover ``length``. ``side`` is above 4 × ``margin``."""
    if length <= side:
        return [Span(start=0, stop=length, weights=torch.ones(length * scale))]
    stride = side - 2 * margin
    count = -(-(length - side) // stride) + 1
    starts = [round(index * (length - side) / (count - 1)) for index in range(count)]
    raw = [_ramps(start, length, side, margin, scale) for start in starts]
    total = torch.zeros(length * scale)
    for start, weights in zip(starts, raw, strict=True):
        total[start * scale : (start + side) * scale] += weights
    return [
        Span(
            start=start,
            stop=start + side,
            weights=weights / total[start * scale : (start + side) * scale],
        )
        for start, weights in zip(starts, raw, strict=True)
    ]


def count_tiles(width: int, height: int, *, side: int, margin: int) -> int:
    """How many tiles a picture of that size takes."""
    across = spans(width, side=side, margin=margin, scale=1)
    return len(across) * len(spans(height, side=side, margin=margin, scale=1))


def enlarge(
    pixels: torch.Tensor, scale: int, *, side: int, margin: int, draw: Draw
) -> torch.Tensor:
    """The picture (height × width × 3 bytes) ``scale`` times larger, in the same form."""
    height, width, _ = pixels.shape
    across = spans(width, side=side, margin=margin, scale=scale)
    down = spans(height, side=side, margin=margin, scale=scale)
    whole = torch.empty(height * scale, width * scale, 3, dtype=torch.uint8)
    carried = torch.zeros(3, 0, width * scale)
    for row, following in zip(down, [*down[1:], None], strict=True):
        band = torch.zeros(3, (row.stop - row.start) * scale, width * scale)
        for column in across:
            tile = pixels[row.start : row.stop, column.start : column.stop]
            drawn = draw(tile.permute(2, 0, 1).float() / 255)
            band[:, :, column.start * scale : column.stop * scale] += drawn * column.weights
        band *= row.weights[:, None]
        band[:, : carried.shape[1]] += carried
        # What the next row of tiles does not touch is finished.
        finished = (row.stop if following is None else following.start) - row.start
        done, carried = band[:, : finished * scale], band[:, finished * scale :]
        first = row.start * scale
        whole[first : first + done.shape[1]] = _bytes(done)
    return whole


def _ramps(start: int, length: int, side: int, margin: int, scale: int) -> torch.Tensor:
    """What a tile's pixels count before they are shared: less towards its inner edges."""
    places = (torch.arange(side * scale) + 0.5) / scale
    weights = torch.ones(side * scale)
    if start > 0:
        weights = torch.minimum(weights, (places - margin / 2) / margin)
    if start + side < length:
        weights = torch.minimum(weights, (side - places - margin / 2) / margin)
    return weights.clamp(0, 1)


def _bytes(values: torch.Tensor) -> torch.Tensor:
    return (values.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
