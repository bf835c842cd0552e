"""The two networks that nearly all upscalers in circulation are, as their files name the parts.

ESRGAN (Wang et al., arXiv:1809.00219) in both layouts that its weights are published in, and
Real-ESRGAN's additions to it (arXiv:2107.10833): a first step that folds pixels into channels,
and the small network without branches known as Compact.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional

Weights = Mapping[str, torch.Tensor]

N = TypeVar("N", bound=nn.Module)

_RGB = 3
_DENSE_CONVOLUTIONS = 5
_RESIDUAL = 0.2  # both kinds of block add so much of what they found
_SLOPE = 0.2
_OLD_TRUNK = re.compile(r"model\.1\.sub\.(\d+)\.(weight|bias)")
_OLD_BLOCK = re.compile(r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.(weight|bias)")
_OLD_OUTER = re.compile(r"model\.(\d+)\.(weight|bias)")
_OLD_FIRST = 0
_NONE = torch.empty(0, 0)


class _DenseBlock(nn.Module):
    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        for index in range(_DENSE_CONVOLUTIONS):
            out = features if index == _DENSE_CONVOLUTIONS - 1 else growth
            convolution = nn.Conv2d(features + index * growth, out, 3, padding=1)
            setattr(self, f"conv{index + 1}", convolution)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = [x]
        for index in range(_DENSE_CONVOLUTIONS - 1):
            convolution = getattr(self, f"conv{index + 1}")
            seen.append(_bent(convolution(torch.cat(seen, 1))))
        found: torch.Tensor = getattr(self, f"conv{_DENSE_CONVOLUTIONS}")(torch.cat(seen, 1))
        return x + _RESIDUAL * found


class _Residual(nn.Module):
    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = _DenseBlock(features, growth)
        self.rdb2 = _DenseBlock(features, growth)
        self.rdb3 = _DenseBlock(features, growth)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.rdb3(self.rdb2(self.rdb1(x)))
        return x + _RESIDUAL * found


class Esrgan(nn.Module):
    """Residual blocks of dense blocks; then ``doublings`` times twice as large."""

    def __init__(
        self, *, folding: int, features: int, growth: int, blocks: int, doublings: int
    ) -> None:
        super().__init__()
        self.folding = folding
        self.doublings = doublings
        self.conv_first = nn.Conv2d(_RGB * folding**2, features, 3, padding=1)
        self.body = nn.Sequential(*(_Residual(features, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        for index in range(doublings):
            setattr(self, f"conv_up{index + 1}", nn.Conv2d(features, features, 3, padding=1))
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, _RGB, 3, padding=1)

    @property
    def scale(self) -> int:
        """How many times larger it makes a picture."""
        return int(2**self.doublings // self.folding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures × 3 × height × width in 0 … 1, enlarged."""
        height, width = x.shape[-2:]
        # Sides that cannot be folded evenly are filled up, and what that becomes is cut off.
        extra = (-width % self.folding, -height % self.folding)
        x = functional.pad(x, (0, extra[0], 0, extra[1]), mode="replicate")
        first = self.conv_first(functional.pixel_unshuffle(x, self.folding))
        features = first + self.conv_body(self.body(first))
        for index in range(self.doublings):
            twice = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = _bent(getattr(self, f"conv_up{index + 1}")(twice))
        drawn: torch.Tensor = self.conv_last(_bent(self.conv_hr(features)))
        return drawn[..., : height * self.scale, : width * self.scale]


class Compact(nn.Module):
    """A row of convolutions in the picture's own size; only the last one makes it larger."""

    def __init__(self, *, features: int, convolutions: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        layers: list[nn.Module] = []
        channels = _RGB
        for _ in range(convolutions - 1):
            layers += [nn.Conv2d(channels, features, 3, padding=1), nn.PReLU(features)]
            channels = features
        self.body = nn.Sequential(*layers, nn.Conv2d(channels, _RGB * scale**2, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures × 3 × height × width in 0 … 1, enlarged."""
        drawn = functional.pixel_shuffle(self.body(x), self.scale)
        return drawn + functional.interpolate(x, scale_factor=float(self.scale), mode="nearest")


def network_of(weights: Weights) -> Esrgan | Compact | None:
    """The network that the weights are of, with them in it; None where it is neither.

    Raises ``RuntimeError`` or ``KeyError`` for weights that are nearly, but not quite, one's.
    """
    if "model.0.weight" in weights:
        weights = _renamed(weights)
    if "body.0.rdb1.conv1.weight" in weights and _is_for_colours(weights, "conv_first.weight"):
        return _filled(_esrgan(weights), weights)
    if _is_for_colours(weights, "body.0.weight") and weights.get("body.1.weight", _NONE).ndim == 1:
        return _filled(_compact(weights), weights)
    return None


def _is_for_colours(weights: Weights, first: str) -> bool:
    return first in weights and weights[first].shape[1] % _RGB == 0


def _filled(network: N, weights: Weights) -> N:
    network.load_state_dict(weights, strict=True)
    return network


def _esrgan(weights: Weights) -> Esrgan:
    first = weights["conv_first.weight"]
    numbers = [int(name.split(".")[1]) for name in weights if name.startswith("body.")]
    return Esrgan(
        folding=math.isqrt(first.shape[1] // _RGB),
        features=first.shape[0],
        growth=weights["body.0.rdb1.conv1.weight"].shape[0],
        blocks=max(numbers) + 1,
        doublings=sum(re.fullmatch(r"conv_up\d\.weight", name) is not None for name in weights),
    )


def _compact(weights: Weights) -> Compact:
    convolutions = [
        int(name.split(".")[1])
        for name, value in weights.items()
        if value.ndim > 1 and name.startswith("body.")
    ]
    channels = weights[f"body.{max(convolutions)}.weight"].shape[0]
    return Compact(
        features=weights["body.0.weight"].shape[0],
        convolutions=len(convolutions),
        scale=math.isqrt(channels // _RGB),
    )


def _renamed(weights: Weights) -> Weights:
    """The weights of ESRGAN's first layout under the names of its second one."""
    outer = sorted({int(m[1]) for name in weights if (m := _OLD_OUTER.fullmatch(name))})
    last, hidden = outer[-1], outer[-2]
    names = {_OLD_FIRST: "conv_first", hidden: "conv_hr", last: "conv_last"}
    ups = [number for number in outer if number not in names]
    names |= {number: f"conv_up{index + 1}" for index, number in enumerate(ups)}
    return {_new_name(name, names): value for name, value in weights.items()}


def _new_name(name: str, outer: Mapping[int, str]) -> str:
    if m := _OLD_BLOCK.fullmatch(name):
        return f"body.{m[1]}.rdb{m[2]}.conv{m[3]}.{m[4]}"
    if m := _OLD_TRUNK.fullmatch(name):
        return f"conv_body.{m[2]}"
    if m := _OLD_OUTER.fullmatch(name):
        return f"{outer[int(m[1])]}.{m[2]}"
    return name


def _bent(x: torch.Tensor) -> torch.Tensor:
    return functional.leaky_relu(x, _SLOPE)
