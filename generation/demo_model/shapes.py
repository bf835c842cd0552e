"""The geometry of each shape: outlines in a unit square, and antialiased masks of any size."""

from __future__ import annotations

import math
from random import Random

from PIL import Image, ImageDraw

Point = tuple[float, float]
Outline = list[Point]

_FINER = 3
"""Masks are drawn this many times larger and averaged down, which smooths their edges."""


def outlines(shape: str) -> tuple[list[Outline], list[Outline]]:
    """The shape's filled outlines and its holes, within [-1, 1] on both axes, y downwards."""
    if shape == "ring":
        return [_arc(0, 0, 1.0)], [_arc(0, 0, 0.54)]
    return [_OUTLINES[shape]], []


def mask(shape: str, diameter: int, *, angle: float = 0.0, style: str = "plain") -> Image.Image:
    """An ``L`` image of the shape, ``diameter`` pixels square: 255 inside, 0 outside.

    ``angle`` turns it, in radians. ``style="outlined"`` keeps a thick line along its edge.
    """
    side = diameter * _FINER
    image = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(image)
    filled, holes = outlines(shape)
    for outline in filled:
        points = _placed(outline, side, angle, 0.8 if style == "outlined" else 0.92)
        if style == "outlined":
            pen.line([*points, points[0], points[1]], fill=255, width=side // 9, joint="curve")
        else:
            pen.polygon(points, fill=255)
    for outline in holes:
        pen.polygon(_placed(outline, side, angle, 0.92), fill=0)
    return image.reduce(_FINER)


def pattern_mask(style: str, diameter: int, rng: Random) -> Image.Image:
    """An ``L`` image of the stripes or spots that lie on a shape of this diameter."""
    side = diameter * 2
    image = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(image)
    period = side / rng.uniform(3.0, 3.5)
    if style == "striped":
        slope = rng.choice((0.0, 1.0, -1.0))
        reach = int(side / period) + 3
        for index in range(-reach, 2 * reach):
            x = index * period
            pen.line(
                [(x - slope * side / 2, -4), (x + slope * side / 2, side + 4)],
                fill=255,
                width=int(period * 0.46 / math.hypot(1, slope)),
            )
    else:
        radius = period * 0.28
        for row in range(-1, 6):
            for column in range(-1, 6):
                x = (column + (row % 2) / 2) * period
                y = row * period * 0.87
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return image.reduce(2)


def _placed(outline: Outline, side: int, angle: float, scale: float) -> Outline:
    cosine, sine = math.cos(angle), math.sin(angle)
    half = side / 2
    return [
        (
            half + half * scale * (x * cosine - y * sine),
            half + half * scale * (x * sine + y * cosine),
        )
        for x, y in outline
    ]


def _arc(cx: float, cy: float, radius: float, start: float = 0.0, stop: float = 360.0) -> Outline:
    steps = 48
    angles = (math.radians(start + (stop - start) * i / steps) for i in range(steps + 1))
    return [(cx + radius * math.cos(a), cy + radius * math.sin(a)) for a in angles]


def _star() -> Outline:
    points = []
    for i in range(10):
        radius = 1.06 if i % 2 == 0 else 0.45
        angle = math.radians(-90 + 36 * i)
        points.append((radius * math.cos(angle), radius * math.sin(angle) + 0.06))
    return points


def _heart() -> Outline:
    points = []
    for i in range(60):
        t = math.tau * i / 60
        x = 16 * math.sin(t) ** 3
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((x / 16, -(y + 2.5) / 15.5))
    return points


def _crescent() -> Outline:
    outer = _arc(0.12, 0, 1.0, 52, 308)
    inner = _arc(0.62, 0, 0.8, 272, 88)
    return outer + inner


def _cross() -> Outline:
    a = 0.34
    return [
        (-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a),
        (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a),
    ]  # fmt: skip


_OUTLINES: dict[str, Outline] = {
    "circle": _arc(0, 0, 0.97),
    "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "triangle": [(0, -0.95), (1.02, 0.83), (-1.02, 0.83)],
    "star": _star(),
    "heart": _heart(),
    "cross": _cross(),
    "diamond": [(0, -1.06), (0.72, 0), (0, 1.06), (-0.72, 0)],
    "crescent": _crescent(),
}
