"""Canvases: a member's picture with a mask of what is to be redrawn, or grown by empty margins."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass, field

from PIL import Image, ImageChops, ImageOps

from generation.errors import BadImage
from generation.images.decoder import encode_png
from generation.images.patch import box_around, soften
from generation.images.uploads import Picture

_ALIKE = 0.02  # by how much the shapes of a picture and its mask may differ
_EMPTY = "The mask has nothing white in it. Please paint white what should be redrawn."
_NO_HOLES = (
    "That picture has no transparent part to redraw. Please add a mask: a picture of the same "
    "shape, white where it should be redrawn."
)
_FULL = (
    "The mask covers the whole picture. To redraw all of it, use /imagine with that picture as "
    "its image."
)
_EDGE = 32  # this part of a side is averaged for the colours beyond it
_FULL_BYTE = 255
_WHITE = 128
_TRANSPARENT = 64  # an eraser's soft edge goes with what it erased


@dataclass(frozen=True, kw_only=True, slots=True)
class Margins:
    """How far a picture grows to each side, in hundredths of its own width or height."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Canvas:
    """A picture and its mask as PNGs of the same size; white (255) is redrawn, black is kept."""

    png: bytes = field(repr=False)
    mask: bytes = field(repr=False)
    width: int
    height: int


async def masked_canvas(picture: Picture, mask: Picture | None, *, longest: int) -> Canvas:
    """The picture with that mask, made smaller where a side is longer than ``longest``.

    Without a mask the picture's transparent part is redrawn, starting from the colours around it.
    Raises ``BadImage`` for a mask of another shape, an empty one, and one that covers everything.
    """
    return await asyncio.to_thread(_masked, picture, mask, longest)


async def extended_canvas(picture: Picture, margins: Margins, *, longest: int) -> Canvas:
    """The picture with margins to be drawn, filled with the colours of its edges.

    Everything is made smaller where a side would be longer than ``longest``.
    """
    return await asyncio.to_thread(_extended, picture, margins, longest)


async def stored_canvas(png: bytes, mask: bytes) -> Canvas:
    """A canvas that was made before, from its two trusted PNGs."""
    width, height = await asyncio.to_thread(read_size, png)
    return Canvas(png=png, mask=mask, width=width, height=height)


async def size_to_redraw(canvas: Canvas, *, blur: int, padding: int | None) -> tuple[int, int]:
    """Width and height of the part around the mask; all of the canvas without a padding."""
    if padding is None:
        return canvas.width, canvas.height
    left, top, right, bottom = await asyncio.to_thread(_box, canvas.mask, blur, padding)
    return right - left, bottom - top


def read_size(png: bytes) -> tuple[int, int]:
    """Width and height of a trusted PNG."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        return opened.size


def _box(mask: bytes, blur: int, padding: int) -> tuple[int, int, int, int]:
    return box_around(soften(_opened(mask, "L"), blur), padding)


def _masked(picture: Picture, mask: Picture | None, longest: int) -> Canvas:
    size = _within((picture.width, picture.height), longest)
    whole = _scaled(_opened(picture.png, "RGB"), size)
    if mask is None:
        if picture.holes is None:
            raise BadImage(_NO_HOLES)
        redrawn = _hard(_scaled(_opened(picture.holes, "L"), size), _TRANSPARENT)
        _require_some(redrawn, _NO_HOLES)
        whole = _filled(whole, redrawn)
    else:
        _require_alike(picture, mask)
        redrawn = _hard(_scaled(_painted(mask), size))
        _require_some(redrawn, _EMPTY)
    return _canvas(whole, redrawn)


def _extended(picture: Picture, margins: Margins, longest: int) -> Canvas:
    left, right = (picture.width * side / 100 for side in (margins.left, margins.right))
    top, bottom = (picture.height * side / 100 for side in (margins.top, margins.bottom))
    size = (picture.width + round(left) + round(right), picture.height + round(top) + round(bottom))
    scale = min(1.0, longest / max(size))
    size = (max(1, int(size[0] * scale)), max(1, int(size[1] * scale)))
    inner = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    corner = (
        min(round(left * scale), size[0] - inner[0]),
        min(round(top * scale), size[1] - inner[1]),
    )
    right_end, bottom_end = corner[0] + inner[0], corner[1] + inner[1]
    box = (*corner, right_end, bottom_end)
    whole = Image.new("RGB", size)
    whole.paste(_scaled(_opened(picture.png, "RGB"), inner), corner)
    _stretch_edges(whole, box)
    redrawn = Image.new("L", size, _FULL_BYTE)
    redrawn.paste(0, box)
    return _canvas(whole, redrawn)


def _stretch_edges(whole: Image.Image, box: tuple[int, int, int, int]) -> None:
    """Colour everything outside the box like the nearest edge of what is inside it."""
    left, top, right, bottom = box
    deep, high = max(1, (right - left) // _EDGE), max(1, (bottom - top) // _EDGE)
    row = (1, bottom - top)
    _stretch(whole, (left, top, left + deep, bottom), row, (0, top, left, bottom))
    _stretch(whole, (right - deep, top, right, bottom), row, (right, top, whole.width, bottom))
    column = (whole.width, 1)
    above = (0, bottom - high, whole.width, bottom)
    _stretch(whole, (0, top, whole.width, top + high), column, (0, 0, whole.width, top))
    _stretch(whole, above, column, (0, bottom, whole.width, whole.height))


def _stretch(
    whole: Image.Image,
    edge: tuple[int, int, int, int],
    mean: tuple[int, int],
    onto: tuple[int, int, int, int],
) -> None:
    width, height = onto[2] - onto[0], onto[3] - onto[1]
    if width and height:
        line = whole.crop(edge).resize(mean, Image.Resampling.BOX)
        whole.paste(line.resize((width, height)), onto[:2])


def _canvas(picture: Image.Image, mask: Image.Image) -> Canvas:
    width, height = picture.size
    return Canvas(png=encode_png(picture), mask=encode_png(mask), width=width, height=height)


def _painted(mask: Picture) -> Image.Image:
    """How white a mask is; where it is transparent nothing was painted."""
    painted = _opened(mask.png, "L")
    if mask.holes is None:
        return painted
    return ImageChops.subtract(painted, _opened(mask.holes, "L"))


def _require_alike(picture: Picture, mask: Picture) -> None:
    ratio = (mask.width / mask.height) / (picture.width / picture.height)
    if not 1 - _ALIKE <= ratio <= 1 + _ALIKE:
        raise BadImage(
            f"The mask is {mask.width}×{mask.height}, but the picture is {picture.width}×"
            f"{picture.height}. Please use a mask of the picture's own shape."
        )


def _require_some(mask: Image.Image, empty: str) -> None:
    darkest, lightest = mask.getextrema()
    if not lightest:
        raise BadImage(empty)
    if darkest:
        raise BadImage(_FULL)


def _filled(picture: Image.Image, holes: Image.Image) -> Image.Image:
    """The picture with its holes coloured from around them, ever more coarsely further inside.

    Goes down to ever smaller averages of what is there, then up again, each level showing where
    the finer one has nothing ("pull-push": Gortler et al., "The Lumigraph", 1996).
    """
    level = picture.convert("RGBA")
    level.putalpha(ImageOps.invert(holes))
    levels = [level]
    while max(level.size) > 1 and not _is_whole(level):
        smaller = (max(1, level.width // 2), max(1, level.height // 2))
        level = level.resize(smaller, Image.Resampling.BOX)
        level.putalpha(level.getchannel("A").point(lambda value: _FULL_BYTE if value else 0))
        levels.append(level)
    filled = levels.pop().convert("RGB")
    for finer in reversed(levels):
        coarse = filled.resize(finer.size, Image.Resampling.BILINEAR)
        filled = Image.composite(finer.convert("RGB"), coarse, finer.getchannel("A"))
    return filled


def _is_whole(layer: Image.Image) -> bool:
    return layer.getchannel("A").getextrema() == (_FULL_BYTE, _FULL_BYTE)


def _hard(mask: Image.Image, white: int = _WHITE) -> Image.Image:
    return mask.point(lambda value: _FULL_BYTE if value >= white else 0)


def _within(size: tuple[int, int], longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _opened(png: bytes, mode: str) -> Image.Image:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        return opened.convert(mode)


def _scaled(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
