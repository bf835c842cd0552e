"""Draws a described picture: shapes with soft light and shadow, or one of the scenes."""

from __future__ import annotations

import math
from functools import lru_cache
from random import Random

from PIL import Image, ImageFilter

from generation.demo_model.domain import COLOURS, PAPER, Picture, Rgb
from generation.demo_model.scenes import paint_scene
from generation.demo_model.shapes import mask, pattern_mask

WHITE: Rgb = (255, 255, 255)
_NIGHT: Rgb = (18, 14, 40)


def render(
    picture: Picture, rng: Random, *, width: int = 256, height: int = 256, look: str = "usual"
) -> Image.Image:
    """The picture in RGB, ``width`` by ``height`` pixels; ``rng`` settles what words leave open.

    ``look="neon"`` draws shapes as glowing tubes on a dark wall: what the LoRA learns.
    """
    if picture.kind == "scene":
        return paint_scene(picture, rng, width, height)
    ground = _jittered(PAPER if picture.background == "paper" else COLOURS[picture.background], rng)
    if look == "neon":
        ground = _mixed(ground, _NIGHT, 0.88)
    canvas = _lit(ground, width, height, top=0.07, bottom=-0.07)
    if picture.kind == "nothing":
        return canvas
    for shape, colour, style, place in _things(picture, rng, width, height):
        tint = _jittered(COLOURS[colour], rng)
        if look == "neon":
            _stamp_neon(canvas, shape, tint, place, rng)
        else:
            _stamp(canvas, (shape, style), tint, place, rng)
    return canvas


Place = tuple[float, float, int]
"""Centre x and y and diameter, in pixels."""


def _things(
    picture: Picture, rng: Random, width: int, height: int
) -> list[tuple[str, str, str, Place]]:
    if picture.kind == "pair":
        first, second = _pair_places(picture.relation, rng, width, height)
        things = [
            (picture.second_shape, picture.second_colour, "plain", second),
            (picture.shape, picture.colour, "plain", first),
        ]
    else:
        places = (
            _group_places(picture.count, rng, width, height)
            if picture.kind == "group"
            else [_single_place(picture, rng, width, height)]
        )
        things = [(picture.shape, picture.colour, picture.style, place) for place in places]
    return things


_RANGES = {"small": (0.33, 0.36), "medium": (0.54, 0.64), "large": (0.80, 0.85)}


def _single_place(picture: Picture, rng: Random, width: int, height: int) -> Place:
    unit = min(width, height)
    low, high = _RANGES[picture.size]
    if picture.position != "centre" and picture.size == "medium":
        low, high = 0.44, 0.46
    diameter = unit * rng.uniform(low, high)
    x, y = width / 2, height / 2
    gap = diameter / 2 + unit * rng.uniform(0.045, 0.06)
    sides = picture.position.split()
    jitter = unit * 0.025
    x = {"left": gap, "right": width - gap}.get(sides[-1], x + rng.uniform(-jitter, jitter))
    y = {"top": gap, "bottom": height - gap}.get(sides[0], y + rng.uniform(-jitter, jitter))
    return x, y, round(diameter)


def _group_places(count: int, rng: Random, width: int, height: int) -> list[Place]:
    unit = min(width, height)
    diameter = unit * (rng.uniform(0.41, 0.43) if count == 2 else rng.uniform(0.37, 0.39))
    if count == 2:
        spots = [(-0.23, 0.0), (0.23, 0.0)]
    else:
        spots = [(-0.235, 0.19), (0.235, 0.19), (0.0, -0.22)]
    stretch = 1.0 + 0.35 * (max(width, height) / unit - 1)
    places = []
    for dx, dy in spots:
        x = (
            width / 2
            + (dx * (stretch if width > height else 1) + rng.uniform(-0.008, 0.008)) * unit
        )
        y = (
            height / 2
            + (dy * (stretch if height > width else 1) + rng.uniform(-0.008, 0.008)) * unit
        )
        places.append((x, y, round(diameter)))
    return places


def _pair_places(relation: str, rng: Random, width: int, height: int) -> tuple[Place, Place]:
    unit = min(width, height)
    centre = (width / 2, height / 2)
    if relation == "inside":
        outer = round(unit * rng.uniform(0.74, 0.84))
        inner = round(outer * rng.uniform(0.42, 0.5))
        return (*centre, inner), (*centre, outer)
    diameter = round(unit * rng.uniform(0.43, 0.45))
    step = unit * rng.uniform(0.235, 0.245)
    dx, dy = {"above": (0, -1), "below": (0, 1), "left of": (-1, 0), "right of": (1, 0)}[relation]
    places = []
    for sign in (1, -1):
        drift = unit * rng.uniform(-0.008, 0.008)
        x = centre[0] + sign * dx * step + (drift if dx == 0 else 0)
        y = centre[1] + sign * dy * step + (drift if dy == 0 else 0)
        places.append((x, y, diameter))
    return places[0], places[1]


def _angle(shape: str, rng: Random) -> float:
    if shape in {"circle", "ring"}:
        return 0.0
    return math.radians(rng.uniform(-5, 5))


def _stamp(
    canvas: Image.Image, thing: tuple[str, str], tint: Rgb, place: Place, rng: Random
) -> None:
    (shape, style), (x, y, diameter) = thing, place
    stencil = mask(shape, diameter, angle=_angle(shape, rng), style=style)
    corner = (round(x - diameter / 2), round(y - diameter / 2))
    _cast_shadow(canvas, stencil, corner)
    body = _lit(tint, diameter, diameter, top=0.14, bottom=-0.12)
    if style in {"striped", "spotted"}:
        contrast = _mixed(tint, WHITE, 0.62) if sum(tint) < 560 else _mixed(tint, (0, 0, 0), 0.32)
        body.paste(contrast, (0, 0), pattern_mask(style, diameter, rng))
    canvas.paste(body, corner, stencil)


def _cast_shadow(canvas: Image.Image, stencil: Image.Image, corner: tuple[int, int]) -> None:
    diameter = stencil.width
    small = max(8, diameter // 4)
    margin = small // 5
    shade = Image.new("L", (small + 2 * margin, small + 2 * margin), 0)
    shade.paste(stencil.resize((small, small)).point(lambda v: v * 0.3), (margin, margin))
    shade = shade.filter(ImageFilter.GaussianBlur(margin * 0.45))
    scale = diameter / small
    side = round(shade.width * scale)
    offset = round(margin * scale)
    place = (corner[0] - offset, corner[1] - offset + round(diameter * 0.05))
    canvas.paste((20, 16, 34), place, shade.resize((side, side)))


def _stamp_neon(canvas: Image.Image, shape: str, tint: Rgb, place: Place, rng: Random) -> None:
    x, y, diameter = place
    angle = _angle(shape, rng)
    side = round(diameter * 1.5)
    tube = Image.new("L", (side, side), 0)
    edge = (side - diameter) // 2
    if shape == "ring":
        for scale in (1.0, 0.5):
            circle = round(diameter * scale)
            inset = (side - circle) // 2
            tube.paste(mask("circle", circle, style="outlined"), (inset, inset))
    else:
        tube.paste(mask(shape, diameter, angle=angle, style="outlined"), (edge, edge))
    small = tube.resize((side // 4, side // 4), Image.Resampling.BOX)
    glow = small.filter(ImageFilter.GaussianBlur(side / 4 * 0.06)).resize((side, side))
    corner = (round(x - side / 2), round(y - side / 2))
    light = tint if sum(tint) > 200 else (120, 120, 150)
    canvas.paste(light, corner, glow.point(lambda v: min(255, v * 1.1)))
    canvas.paste(_mixed(light, WHITE, 0.45), corner, tube)


@lru_cache(maxsize=64)
def _ramp(width: int, height: int) -> Image.Image:
    return Image.linear_gradient("L").resize((width, height))


def _lit(colour: Rgb, width: int, height: int, *, top: float, bottom: float) -> Image.Image:
    """A flat colour, lighter at the top and darker at the bottom by these shares."""
    high = _mixed(colour, WHITE, top) if top > 0 else colour
    low = _mixed(colour, (0, 0, 0), -bottom) if bottom < 0 else colour
    size = (width, height)
    return Image.composite(Image.new("RGB", size, low), Image.new("RGB", size, high), _ramp(*size))


def _mixed(colour: Rgb, other: Rgb, share: float) -> Rgb:
    r, g, b = (round(c + (o - c) * share) for c, o in zip(colour, other, strict=True))
    return r, g, b


def _jittered(colour: Rgb, rng: Random) -> Rgb:
    r, g, b = (min(255, max(0, c + rng.randint(-7, 7))) for c in colour)
    return r, g, b
