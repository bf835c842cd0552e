"""Reads a picture's pixels back into words: ground, shapes, colours, places; or which scene it is.

No network: colours by distance, shapes by overlap with their own masks, scenes by layout. It is
held to pictures rendered from known descriptions, and only then allowed to judge the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from generation.demo_model.domain import (
    COLOURS,
    PAPER,
    SCENES,
    SHAPES,
    TIMED_SCENES,
    TIMES,
    Picture,
)
from generation.demo_model.render import render
from generation.demo_model.shapes import mask

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_SIDE = 128
_SHADOW = np.array((20, 16, 34), np.float32)
_DARKEST_SHADOW = 0.3
_FOREGROUND_DISTANCE = 36.0
_SMALLEST_AREA = 0.008
_SECOND_COLOUR_SHARE = 0.05
_TEMPLATE = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Thing:
    """One shape found. Places are shares of width and height; size is a share of the shorter side.

    ``likeness`` is the overlap with the best template, 0 to 1; under 0.7 it is hardly a shape.
    """

    shape: str
    colour: str
    x: float
    y: float
    size: float
    likeness: float

    @property
    def position(self) -> str:
        """The nearest of ``domain.POSITIONS``."""
        row = "top" if self.y < 0.385 else "bottom" if self.y > 0.615 else ""
        column = "left" if self.x < 0.385 else "right" if self.x > 0.615 else ""
        return " ".join(part for part in (row, column) if part) or "centre"

    @property
    def size_word(self) -> str:
        """The nearest of ``domain.SIZES``."""
        return "small" if self.size < 0.39 else "large" if self.size > 0.735 else "medium"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What stands on the picture; things from the largest to the smallest."""

    background: str
    things: tuple[Thing, ...]


def read(image: Image.Image) -> Reading:
    """The shapes on a plain ground. On a scene the answer means little; see :func:`read_scene`."""
    shorter = min(image.size)
    size = (round(image.width * _SIDE / shorter), round(image.height * _SIDE / shorter))
    pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX), np.float32)
    ground = _ground(pixels)
    foreground = _distance_from_ground(pixels, ground) > _FOREGROUND_DISTANCE
    parts = [part for blob in _blobs(foreground) for part in _split_by_colour(pixels, blob)]
    things = sorted((_thing(pixels, part) for part in parts), key=lambda thing: -thing.size)
    return Reading(background=_ground_word(ground.mean(axis=(0, 1))), things=tuple(things))


def read_scene(image: Image.Image) -> tuple[str, str]:
    """The scene and its time whose usual layout the picture comes nearest to."""
    thumbnail = _thumbnail(image)
    layouts = _layouts()
    return min(layouts, key=lambda key: float(np.abs(layouts[key] - thumbnail).mean()))


def _ground(pixels: Floats) -> Floats:
    """The ground's colour row by row, drawn through the medians of the top and bottom edges."""
    strip = max(2, len(pixels) // 40)
    top = np.median(pixels[:strip].reshape(-1, 3), axis=0)
    bottom = np.median(pixels[-strip:].reshape(-1, 3), axis=0)
    share = np.linspace(0, 1, len(pixels), dtype=np.float32)[:, None, None]
    return (top * (1 - share) + bottom * share).astype(np.float32)


def _distance_from_ground(pixels: Floats, ground: Floats) -> Floats:
    """How far each pixel is from the ground, in or out of a shape's shadow."""
    towards = _SHADOW - ground
    length = np.maximum((towards**2).sum(-1, keepdims=True), 1e-6)
    share = ((pixels - ground) * towards).sum(-1, keepdims=True) / length
    share = np.clip(share, 0, _DARKEST_SHADOW)
    distance: Floats = np.linalg.norm(pixels - ground - share * towards, axis=-1)
    return distance


def _blobs(foreground: Bools) -> list[Bools]:
    smallest = _SMALLEST_AREA * min(foreground.shape) ** 2
    left = foreground.copy()
    found = []
    while left.any():
        # Pillow fills nothing, silently, in an image that shares an array's memory: hence copy().
        canvas = Image.fromarray(left.astype(np.uint8) * 255).copy()
        y, x = np.argwhere(left)[0]
        ImageDraw.floodfill(canvas, (int(x), int(y)), 128)
        blob = np.asarray(canvas) == 128
        left &= ~blob
        if blob.sum() >= smallest:
            found.append(blob)
    return found


def _split_by_colour(pixels: Floats, blob: Bools) -> list[Bools]:
    """Two colours that touch are two things; one that holds the other keeps its whole outline."""
    palette = np.array(list(COLOURS.values()), np.float32)
    distances = np.linalg.norm(pixels[:, :, None] - palette, axis=-1)
    nearest = np.where(blob & (distances.min(-1) < 60), distances.argmin(-1), -1)
    total = (nearest >= 0).sum()
    parts = [
        nearest == i
        for i in range(len(palette))
        if (nearest == i).sum() > total * _SECOND_COLOUR_SHARE
    ]
    parts = [part for part in parts if part.sum() >= _SMALLEST_AREA * min(blob.shape) ** 2]
    if len(parts) != 2:
        return [blob]
    parts.sort(key=lambda part: -_box_area(part))
    if _box_area(parts[0]) < 0.9 * _box_area(blob):
        return parts
    return [blob, parts[1]] if _box_area(parts[1]) < 0.5 * _box_area(blob) else [blob]


def _box(part: Bools) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _box_area(part: Bools) -> int:
    left, top, right, bottom = _box(part)
    return (right - left) * (bottom - top)


def _thing(pixels: Floats, part: Bools) -> Thing:
    left, top, right, bottom = _box(part)
    height, width = part.shape
    cut = _normalised(part)
    overlaps = {name: _overlap(cut, template) for name, template in _templates().items()}
    best = max(overlaps, key=lambda key: overlaps[key])
    return Thing(
        shape=best[0],
        colour=_nearest(np.median(pixels[part], axis=0)),
        x=(left + right) / 2 / width,
        y=(top + bottom) / 2 / height,
        size=max(right - left, bottom - top) / min(width, height) / _extent(best[0]),
        likeness=overlaps[best],
    )


def _normalised(part: Bools) -> Floats:
    """The part's bounding box, padded to a square and brought to the templates' size."""
    left, top, right, bottom = _box(part)
    side = max(right - left, bottom - top)
    square = Image.new("L", (side, side), 0)
    cut = Image.fromarray(part[top:bottom, left:right].astype(np.uint8) * 255)
    square.paste(cut, ((side - cut.width) // 2, (side - cut.height) // 2))
    small = square.resize((_TEMPLATE, _TEMPLATE), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)


@cache
def _templates() -> dict[tuple[str, int], Floats]:
    turns = (-6, -3, 0, 3, 6)
    return {
        (shape, turn): _normalised(np.asarray(mask(shape, 96, angle=turn * np.pi / 180)) > 127)
        for shape in SHAPES
        for turn in turns
    }


@cache
def _extent(shape: str) -> float:
    """The share of its nominal diameter that a shape really spans."""
    left, top, right, bottom = _box(np.asarray(mask(shape, 96)) > 127)
    return max(right - left, bottom - top) / 96


def _overlap(first: Floats, second: Floats) -> float:
    return float(np.minimum(first, second).sum() / np.maximum(first, second).sum())


def _nearest(colour: Floats) -> str:
    return min(
        COLOURS,
        key=lambda name: float(np.linalg.norm(colour - np.array(COLOURS[name], np.float32))),
    )


def _ground_word(colour: Floats) -> str:
    """Paper is told from white by its warmth, which light and shade do not change."""
    name = _nearest(colour)
    warmth = float(colour[0] - colour[2])
    return "paper" if name == "white" and warmth > (PAPER[0] - PAPER[2]) / 2 else name


def _thumbnail(image: Image.Image) -> Floats:
    small = image.convert("RGB").resize((16, 16), Image.Resampling.BOX)
    return np.asarray(small, np.float32)


@cache
def _layouts() -> dict[tuple[str, str], Floats]:
    layouts = {}
    for scene in SCENES:
        for time in TIMES if scene in TIMED_SCENES else ("day",):
            picture = Picture(kind="scene", background="", scene=scene, time=time)
            rng = Random(f"layout {scene} {time}")
            thumbnails = [
                _thumbnail(render(picture, rng, width=128, height=128)) for _ in range(24)
            ]
            layouts[scene, time] = np.mean(thumbnails, axis=0).astype(np.float32)
    return layouts
