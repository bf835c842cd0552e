"""Lines and the like found in ordinary pictures, by arithmetic alone: nothing is downloaded.

Lines are white on black, as the ControlNets were trained to see them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch.nn import functional

_WEAK, _STRONG = 100.0, 200.0  # of a gradient over three by three pixels, as is usual for Canny's
_SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
_AROUND = 6.0  # pixels within which a line is darker than what surrounds it
_FULL = 255.0
_SCRIBBLED = 0.35
_BLURRED = 64  # a picture's shorter side is so many times the blur


def canny(picture: Image.Image) -> Image.Image:
    """Thin edges by J. Canny, "A Computational Approach to Edge Detection" (1986).

    Of the gradient only ridges are kept, and of these the strong ones with what hangs on them.
    """
    across, down = _gradient(_shade(picture))
    size = across.abs() + down.abs()
    ridge = torch.where(_is_ridge(across, down, size), size, torch.zeros(()))
    weak = ridge > _WEAK
    edges = ridge > _STRONG
    while True:
        grown = (_widest(edges.float()) > 0) & weak
        if torch.equal(grown, edges):
            return _lines(edges.float())
        edges = grown


def soft_edges(picture: Image.Image) -> Image.Image:
    """How much the picture changes at each place, soft and without a threshold."""
    return _lines(_softness(picture))


def line_art(picture: Image.Image) -> Image.Image:
    """What is darker than its surroundings, as a pen's strokes are."""
    shade = _shade(picture)
    darker = (_blurred(shade, _AROUND) - shade).clamp_min(0)
    return _lines(_stretched(darker, 0.98))


def scribble(picture: Image.Image) -> Image.Image:
    """The main edges alone, in broad strokes."""
    broad = _widest((_softness(picture, detail=2.0) > _SCRIBBLED).float())
    return _lines(broad)


def unchanged(picture: Image.Image) -> Image.Image:
    """The picture: a tile ControlNet adds detail to what it sees."""
    return picture


def blurred(picture: Image.Image) -> Image.Image:
    """The picture without its detail."""
    return picture.filter(ImageFilter.GaussianBlur(min(picture.size) / _BLURRED))


def gray(picture: Image.Image) -> Image.Image:
    """The picture without its colours."""
    return picture.convert("L").convert("RGB")


PREPARERS: Mapping[str, Callable[[Image.Image], Image.Image]] = MappingProxyType(
    {
        "canny": canny,
        "lineart": line_art,
        "softedge": soft_edges,
        "scribble": scribble,
        "tile": unchanged,
        "blur": blurred,
        "gray": gray,
    }
)
"""By the name of their kind. Each gives an RGB picture of the size of the one it gets."""


def _softness(picture: Image.Image, detail: float = 1.0) -> torch.Tensor:
    across, down = _gradient(_blurred(_shade(picture), detail))
    return _stretched(torch.hypot(across, down), 0.99)


def _is_ridge(across: torch.Tensor, down: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """Where no neighbour in the gradient's direction, to the nearest of four, is larger."""
    angle = torch.rad2deg(torch.atan2(down, across)) % 180
    steps = (((angle + 22.5) % 180) // 45).long()
    around = functional.pad(size[None, None], (1, 1, 1, 1))[0, 0]
    height, width = size.shape
    ridge = torch.zeros_like(size, dtype=torch.bool)
    for number, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = around[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        behind = around[1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
        ridge |= (steps == number) & (size > behind) & (size >= ahead)
    return ridge


def _shade(picture: Image.Image) -> torch.Tensor:
    """Brightness, rows × columns, 0 … 255."""
    return torch.from_numpy(np.asarray(picture.convert("L"), dtype=np.float32).copy())


def _gradient(shade: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    kernels = torch.stack([_SOBEL, _SOBEL.T])[:, None]
    padded = functional.pad(shade[None, None], (1, 1, 1, 1), mode="replicate")
    across, down = functional.conv2d(padded, kernels)[0]
    return across, down


def _blurred(shade: torch.Tensor, sigma: float) -> torch.Tensor:
    reach = max(1, round(3 * sigma))
    places = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-(places**2) / (2 * sigma**2))
    weights /= weights.sum()
    padded = functional.pad(shade[None, None], (reach,) * 4, mode="replicate")
    rows = functional.conv2d(padded, weights[None, None, None])
    return functional.conv2d(rows, weights[None, None, :, None])[0, 0]


def _stretched(values: torch.Tensor, share: float) -> torch.Tensor:
    """To 0 … 1, where so large a share of what is not nothing lies below 1."""
    there = values[values > 1]
    if there.numel() == 0:
        return torch.zeros_like(values)
    place = max(1, int(share * there.numel()))
    return (values / there.flatten().kthvalue(place).values).clamp(0, 1)


def _widest(values: torch.Tensor) -> torch.Tensor:
    return functional.max_pool2d(values[None, None], 3, stride=1, padding=1)[0, 0]


def _lines(values: torch.Tensor) -> Image.Image:
    """White as far as the values say, on black."""
    shades = (values * _FULL).round().to(torch.uint8).numpy()
    return Image.fromarray(shades).convert("RGB")
