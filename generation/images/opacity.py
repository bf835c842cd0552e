"""A picture's transparency, which uploads carry beside their colours, put back into one PNG."""

from __future__ import annotations

import asyncio
import io

from PIL import Image, ImageMath, ImageOps

from generation.images.decoder import encode_png
from generation.images.uploads import Picture

_FULL = 255


async def layered(picture: Picture, *, longest: int | None = None) -> Picture:
    """The picture with its opacity in its PNG; smaller where a side is above ``longest`` pixels.

    One that is opaque and small enough stays byte for byte what it is, settings text included.
    """
    return await asyncio.to_thread(_layered, picture, longest)


def _layered(picture: Picture, longest: int | None) -> Picture:
    size = (picture.width, picture.height)
    scale = 1.0 if longest is None else min(1.0, longest / max(size))
    if picture.holes is None and scale == 1:
        return picture
    with Image.open(io.BytesIO(picture.png), formats=("PNG",)) as opened:
        layer = opened.copy() if picture.holes is None else _uncovered(opened, picture.holes)
    if scale < 1:
        size = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        layer = layer.resize(size, Image.Resampling.LANCZOS)
    return Picture(png=encode_png(layer), width=size[0], height=size[1])


def _uncovered(flat: Image.Image, holes: bytes) -> Image.Image:
    """The colours as they were before they were laid on white, with their opacity."""
    with Image.open(io.BytesIO(holes), formats=("PNG",)) as opened:
        opacity = ImageOps.invert(opened.convert("L"))
    bands = [_band(band, opacity) for band in flat.convert("RGB").split()]
    return Image.merge("RGBA", (*bands, opacity))


def _band(flat: Image.Image, opacity: Image.Image) -> Image.Image:
    # flat = 255 - (255 - colour) × opacity / 255
    missing = ImageMath.lambda_eval(
        lambda args: args["min"](
            (_FULL - args["flat"]) * _FULL / args["max"](args["opacity"], 1), _FULL
        ),
        flat=flat,
        opacity=opacity,
    )
    return ImageOps.invert(missing.convert("L"))
