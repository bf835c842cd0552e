"""Upscalers: files of weights that make pictures larger, used in tiles."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file

from generation.errors import BlankOutput, Unavailable
from generation.types import Output
from generation.worker.headers import BrokenFileError, read_header
from generation.worker.memory import is_out_of_memory, release
from generation.worker.png import encode_png
from generation.worker.tools.base import Bench
from generation.worker.tools.networks import network_of
from generation.worker.tools.tiles import count_tiles, enlarge

SUFFIX = ".safetensors"

_SIDES = {"cuda": 512, "mps": 256}
_SIDE_ELSEWHERE = 128  # about five seconds of one core: so long a cancelled job stays
_SMALLEST_SIDE = 64
_MARGIN = 16
_MOST_PASSES = 3
_SPARE = 2.0
"""How many times larger than asked for, per side, a picture is made at most on the way."""

_INSTALL = "install spandrel for it: pip install -c constraints.txt -e '.[upscale]'"
_UNFIT = "spandrel cannot be used: install the torchvision of the same build as torch"


@dataclass(kw_only=True, slots=True)
class Upscaler:
    """A network that makes a picture ``scale`` times larger."""

    module: Any
    scale: int
    call: Callable[[torch.Tensor], torch.Tensor]
    suits_half: bool = True

    def dtype_on(self, device: torch.device, usual: torch.dtype) -> torch.dtype:
        """Half precision on CUDA; bfloat16 has too few digits for the shades of a picture."""
        del usual
        is_half = self.suits_half and device.type == "cuda"
        return torch.float16 if is_half else torch.float32

    def work(self, bench: Bench) -> Output:
        """The picture in exactly the asked size, in as many passes as it takes.

        Where there is no room, in ever smaller tiles. Raises ``BlankOutput`` where the network
        gives no numbers.
        """
        side: int = _SIDES.get(bench.device.type, _SIDE_ELSEWHERE)
        while True:
            try:
                return self._work(bench, side)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or side <= _SMALLEST_SIDE:
                    raise
            release(bench.device)
            side = max(_SMALLEST_SIDE, side // 2)

    def _work(self, bench: Bench, side: int) -> Output:
        target = bench.params.final_size
        picture = self._start(bench.picture, target)
        sizes = self._sizes(picture.size, target)
        tiles = [count_tiles(*size, side=side, margin=_MARGIN) for size in sizes]
        draw = _Drawing(tool=self, bench=bench, total=sum(tiles))
        pixels = torch.from_numpy(np.array(picture))
        for _ in sizes:
            pixels = enlarge(pixels, self.scale, side=side, margin=_MARGIN, draw=draw)
        made = Image.fromarray(pixels.numpy()).resize(target, Image.Resampling.LANCZOS)
        if bench.alpha is not None:
            made.putalpha(bench.alpha.resize(target, Image.Resampling.LANCZOS))
        return Output(
            data=encode_png(np.array(made), bench.settings),
            media_type="image/png",
            width=target[0],
            height=target[1],
            seed=bench.params.seed,
        )

    def _start(self, picture: Image.Image, target: tuple[int, int]) -> Image.Image:
        """The picture; smaller where the network would make far more of it than is asked for."""
        excess = self.scale * max(picture.size) / (_SPARE * max(target))
        if excess <= 1:
            return picture
        size = [max(1, math.ceil(length / excess)) for length in picture.size]
        return picture.resize((size[0], size[1]), Image.Resampling.LANCZOS)

    def _sizes(self, size: tuple[int, int], target: tuple[int, int]) -> list[tuple[int, int]]:
        """The sizes that the network is given, until what it gives is large enough."""
        sizes = [size]
        while len(sizes) < _MOST_PASSES and max(sizes[-1]) * self.scale < max(target):
            sizes.append((sizes[-1][0] * self.scale, sizes[-1][1] * self.scale))
        return sizes


@dataclass(kw_only=True, slots=True)
class _Drawing:
    tool: Upscaler
    bench: Bench
    total: int
    done: int = 0

    def __call__(self, tile: torch.Tensor) -> torch.Tensor:
        drawn = self.bench.seat.run(lambda: self._draw(tile))
        self.done += 1
        self.bench.on_step(self.done, self.total)
        return drawn

    def _draw(self, tile: torch.Tensor) -> torch.Tensor:
        moved = tile.unsqueeze(0).to(self.bench.device, self.bench.dtype)
        drawn = self.tool.call(moved).squeeze(0).float().cpu()
        if not torch.isfinite(drawn).all():
            raise BlankOutput(detail="the upscaler gave no numbers")
        return drawn.clamp(0, 1)


def check(path: Path) -> None:
    """Say why the file can be no upscaler, from its header. Raises ``Unavailable``."""
    if path.suffix != SUFFIX:
        raise Unavailable(
            detail=f"{path.name} could run code when it is read; take it as a {SUFFIX} file"
        )
    try:
        read_header(path)
    except BrokenFileError as error:
        raise Unavailable(detail=f"{path.name}: {error}") from error


def load(path: Path) -> Upscaler:
    """The upscaler on the processor, in float32. Raises ``Unavailable``."""
    check(path)
    try:
        weights = {name: value.float() for name, value in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise Unavailable(detail=f"{path.name} cannot be read: {error}") from error
    try:
        network = network_of(weights)
    except (RuntimeError, KeyError) as error:
        raise Unavailable(detail=_unknown(path, str(error))) from error
    if network is None:
        tool = _by_spandrel(path, weights)
    else:
        tool = Upscaler(module=network.eval(), scale=network.scale, call=network)
    if tool.scale < 2:
        raise Unavailable(detail=f"{path.name} makes no picture larger")
    tool.module.requires_grad_(requires_grad=False)
    return tool


def _by_spandrel(path: Path, weights: dict[str, torch.Tensor]) -> Upscaler:
    """One of the many other networks, where the library that knows them is installed."""
    try:
        spandrel: Any = importlib.import_module("spandrel")
    except ImportError as error:
        raise Unavailable(detail=f"{path.name} is no ESRGAN; {_INSTALL}") from error
    except RuntimeError as error:  # torchvision's operators are of another build
        raise Unavailable(detail=f"{path.name} is no ESRGAN; {_UNFIT} ({error})") from error
    try:
        found = spandrel.ModelLoader(device="cpu").load_from_state_dict(weights)
    except (spandrel.UnsupportedModelError, RuntimeError, ValueError, KeyError) as error:
        raise Unavailable(detail=_unknown(path, str(error))) from error
    if not isinstance(found, spandrel.ImageModelDescriptor) or found.input_channels != 3:
        raise Unavailable(detail=f"{path.name} is a network for something else")
    found.eval()
    return Upscaler(
        module=found.model, scale=found.scale, call=found, suits_half=found.supports_half
    )


def _unknown(path: Path, why: str) -> str:
    first = why.strip().partition("\n")[0]
    return f"{path.name} holds no upscaler that is known" + (f": {first}" if first else "")
