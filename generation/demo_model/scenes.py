"""The painter of the small scenes: a house, a boat at sunset, a snowman, a city by night."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

from PIL import Image, ImageDraw

from generation.demo_model.domain import COLOURED_SCENES, COLOURS, Picture, Rgb

_FINER = 2
_SKIES: Mapping[str, tuple[Rgb, Rgb]] = MappingProxyType(
    {
        "day": ((92, 172, 240), (198, 230, 250)),
        "night": ((16, 22, 62), (52, 62, 122)),
        "sunset": ((120, 84, 160), (252, 170, 106)),
        "winter": ((164, 194, 222), (228, 238, 246)),
    }
)
_GRASS: Mapping[str, Rgb] = MappingProxyType(
    {
        "summer": (96, 178, 84),
        "spring": (132, 204, 96),
        "autumn": (176, 154, 76),
        "winter": (240, 246, 252),
    }
)
_LEAVES: Mapping[str, Rgb] = MappingProxyType(
    {
        "summer": (48, 138, 66),
        "spring": (250, 166, 200),
        "autumn": (228, 112, 40),
        "winter": (232, 240, 248),
    }
)


def paint_scene(picture: Picture, rng: Random, width: int, height: int) -> Image.Image:
    """The scene in RGB at this size; ``rng`` moves and scales its parts a little."""
    brush = _Brush(picture=picture, rng=rng, width=width, height=height)
    _PAINTERS[picture.scene](brush)
    return brush.image.reduce(_FINER)


@dataclass(kw_only=True)
class _Brush:
    """Draws in units of the shorter side, from the middle of the canvas, y downwards."""

    picture: Picture
    rng: Random
    width: int
    height: int

    def __post_init__(self) -> None:
        self.image = Image.new("RGB", (self.width * _FINER, self.height * _FINER))
        self.pen = ImageDraw.Draw(self.image)
        self.unit = min(self.width, self.height) * _FINER
        self.shift = (self.image.width / 2, self.image.height / 2)
        self.wide = self.image.width / self.unit / 2
        self.tall = self.image.height / self.unit / 2

    def near(self, value: float, spread: float = 0.03) -> float:
        """The value, moved at random by up to ``spread``."""
        return value + 0.5 * self.rng.uniform(-spread, spread)

    def at_time(self, colour: Rgb) -> Rgb:
        """The colour by the scene's light: dim and blue at night, warm at sunset."""
        if self.picture.time == "night":
            return _mixed(colour, (14, 18, 58), 0.55)
        if self.picture.time == "sunset":
            return _mixed(colour, (150, 70, 60), 0.25)
        return colour

    def main_colour(self) -> Rgb:
        """The colour the caption gives, or the scene's usual one."""
        word = self.picture.colour or COLOURED_SCENES[self.picture.scene]
        return COLOURS[word]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of the supersampled canvas for a point in units."""
        return self.shift[0] + x * self.unit, self.shift[1] + y * self.unit

    def polygon(self, points: list[tuple[float, float]], colour: Rgb) -> None:
        """Fills a polygon."""
        self.pen.polygon([self.place(*point) for point in points], fill=colour)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Rgb) -> None:
        """Fills an upright rectangle."""
        self.pen.rectangle((*self.place(x0, y0), *self.place(x1, y1)), fill=colour)

    def disc(self, x: float, y: float, rx: float, colour: Rgb, ry: float | None = None) -> None:
        """Fills a circle, or an ellipse where ``ry`` is given."""
        ry = rx if ry is None else ry
        self.pen.ellipse((*self.place(x - rx, y - ry), *self.place(x + rx, y + ry)), fill=colour)

    def arc(self, x: float, y: float, radius: float, thickness: float, colour: Rgb) -> None:
        """Draws the upper half of a circle as a band."""
        box = (*self.place(x - radius, y - radius), *self.place(x + radius, y + radius))
        self.pen.arc(box, 180, 360, fill=colour, width=round(thickness * self.unit))

    def sky(self, top: Rgb, bottom: Rgb) -> None:
        """Fills everything with a gradient from top to bottom."""
        size = self.image.size
        ramp = Image.linear_gradient("L").resize(size)
        self.image.paste(
            Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)
        )

    def usual_sky(self) -> None:
        """The sky of the picture's time and season, with a moon and stars by night."""
        if self.picture.season == "winter" and self.picture.time == "day":
            self.sky(*_SKIES["winter"])
            return
        self.sky(*_SKIES[self.picture.time])
        if self.picture.time == "night":
            self.stars()
            self.disc(self.wide - 0.14, -self.tall + 0.14, 0.07, (250, 244, 210))
        elif self.picture.time == "day":
            self.cloud(self.near(-0.25, 0.12), -self.tall + self.near(0.13))
        else:
            self.disc(self.near(0.22, 0.1), 0.04, 0.12, (255, 226, 130))

    def stars(self, pattern: str = "near") -> None:
        """Nine stars over the upper half, always the same: each would be learnt one by one."""
        sky = Random(pattern)
        for _ in range(9):
            x = sky.uniform(-self.wide, self.wide)
            y = sky.uniform(-self.tall, 0.05)
            self.disc(x, y, 0.011, (255, 250, 220))

    def cloud(self, x: float, y: float) -> None:
        """Paints one small cloud."""
        for dx, dy, radius in ((-0.09, 0.02, 0.05), (0, 0, 0.075), (0.09, 0.02, 0.05)):
            self.disc(x + dx, y + dy, radius, (252, 253, 255))

    def hill(self, x: float, top: float, radius: float, colour: Rgb) -> None:
        """Paints a wide hill whose highest point is at ``top``."""
        self.disc(x, top + radius, radius * 1.9, colour, radius)

    def ground(self, level: float, colour: Rgb) -> None:
        """Fills everything below ``level``."""
        self.box(-self.wide - 0.1, level, self.wide + 0.1, self.tall + 0.1, self.at_time(colour))


def _house(b: _Brush) -> None:
    b.usual_sky()
    season = b.picture.season
    b.ground(0.24, _GRASS[season])
    x, w = b.near(0, 0.06), b.near(0.23)
    wall = b.at_time(b.main_colour())
    b.box(x - w, -0.06, x + w, 0.32, wall)
    roof = (236, 242, 250) if season == "winter" else (176, 66, 54)
    b.polygon([(x - w - 0.06, -0.05), (x + w + 0.06, -0.05), (x, -0.31)], b.at_time(roof))
    b.box(x - 0.05, 0.12, x + 0.05, 0.32, b.at_time((110, 70, 44)))
    glass = (255, 218, 110) if b.picture.time == "night" else (156, 212, 244)
    for dx in (-0.14, 0.14):
        b.box(x + dx - 0.045, 0.02, x + dx + 0.045, 0.11, glass)


def _tree(b: _Brush) -> None:
    b.usual_sky()
    season = b.picture.season
    b.ground(0.28, _GRASS[season])
    x, y = b.near(0, 0.06), b.near(-0.1)
    b.polygon(
        [(x - 0.04, y), (x + 0.04, y), (x + 0.06, 0.35), (x - 0.06, 0.35)],
        b.at_time((112, 74, 46)),
    )
    leaf = b.at_time(_LEAVES[season])
    for dx, dy, radius in (
        (-0.13, 0.03, 0.14),
        (0.13, 0.03, 0.14),
        (0, -0.1, 0.17),
        (0, 0.05, 0.14),
    ):
        b.disc(x + dx, y + dy, radius, leaf)


def _boat(b: _Brush) -> None:
    b.usual_sky()
    b.ground(0.14, (44, 122, 196))
    x, y = b.near(0, 0.08), b.near(0.2, 0.02)
    b.polygon(
        [(x - 0.27, y - 0.06), (x + 0.27, y - 0.06), (x + 0.18, y + 0.08), (x - 0.18, y + 0.08)],
        b.at_time((146, 84, 50)),
    )
    b.box(x - 0.012, y - 0.48, x + 0.012, y - 0.05, b.at_time((96, 62, 42)))
    sail = b.at_time(b.main_colour())
    b.polygon([(x + 0.03, y - 0.47), (x + 0.03, y - 0.1), (x + 0.25, y - 0.1)], sail)
    b.polygon([(x - 0.03, y - 0.42), (x - 0.03, y - 0.1), (x - 0.18, y - 0.1)], sail)


def _sun(b: _Brush) -> None:
    b.sky(*_SKIES["day"])
    x, y = b.near(0, 0.08), b.near(-0.1, 0.05)
    for i in range(12):
        angle = math.tau * i / 12
        points = [
            (x + 0.31 * math.cos(angle), y + 0.31 * math.sin(angle)),
            (x + 0.2 * math.cos(angle + 0.16), y + 0.2 * math.sin(angle + 0.16)),
            (x + 0.2 * math.cos(angle - 0.16), y + 0.2 * math.sin(angle - 0.16)),
        ]
        b.polygon(points, (255, 196, 44))
    b.disc(x, y, 0.185, (255, 214, 62))
    b.hill(-0.3, b.near(0.3), 0.3, (112, 190, 92))
    b.hill(0.35, b.near(0.27), 0.3, (84, 168, 82))


def _moon(b: _Brush) -> None:
    b.sky(*_SKIES["night"])
    b.stars()
    b.stars("far")
    x, y = b.near(0, 0.08), b.near(-0.06, 0.05)
    b.disc(x, y, 0.23, (250, 240, 196))
    b.disc(x + 0.1, y - 0.05, 0.19, (28, 34, 80))
    b.hill(-0.2, b.near(0.33), 0.3, (22, 30, 60))
    b.hill(0.4, b.near(0.3), 0.3, (16, 24, 50))


def _mountains(b: _Brush) -> None:
    b.usual_sky()
    season = b.picture.season
    for x, top, w, rock in (
        (b.near(-0.28), b.near(-0.12), 0.4, (116, 124, 150)),
        (b.near(0.3), b.near(-0.06), 0.38, (128, 134, 160)),
        (b.near(0.02), b.near(-0.26), 0.44, (96, 104, 134)),
    ):
        b.polygon([(x - w, 0.3), (x, top), (x + w, 0.3)], b.at_time(rock))
        share = 0.6 if season == "winter" else 0.32
        cap = [
            (x - w * share, top + (0.3 - top) * share),
            (x, top),
            (x + w * share, top + (0.3 - top) * share),
            (x + w * share * 0.4, top + (0.3 - top) * share * 0.75),
            (x, top + (0.3 - top) * share * 1.05),
            (x - w * share * 0.4, top + (0.3 - top) * share * 0.75),
        ]
        b.polygon(cap, b.at_time((250, 252, 255)))
    b.ground(0.28, _GRASS[season])


def _flower(b: _Brush) -> None:
    b.sky(*_SKIES["day"])
    b.ground(0.34, _GRASS["summer"])
    x, y = b.near(0, 0.06), b.near(-0.1)
    b.box(x - 0.02, y, x + 0.02, 0.42, (54, 140, 64))
    b.disc(x + 0.1, 0.24, 0.09, (70, 160, 76), 0.04)
    b.disc(x - 0.1, 0.28, 0.09, (70, 160, 76), 0.04)
    turn = b.rng.uniform(0, 1)
    for i in range(6):
        angle = math.tau * (i + turn) / 6
        b.disc(x + 0.155 * math.cos(angle), y + 0.155 * math.sin(angle), 0.1, b.main_colour())
    middle = (150, 92, 40) if b.picture.colour in {"yellow", "orange"} else (255, 206, 66)
    b.disc(x, y, 0.09, middle)


def _cactus(b: _Brush) -> None:
    b.usual_sky()
    b.ground(0.2, (238, 200, 124))
    b.hill(0.5, b.near(0.14, 0.02), 0.2, b.at_time((226, 182, 106)))
    x = b.near(-0.02, 0.08)
    green = b.at_time((64, 150, 86))
    b.box(x - 0.07, -0.2, x + 0.07, 0.32, green)
    b.disc(x, -0.2, 0.07, green)
    for side, level in ((-1, b.near(0.06)), (1, b.near(-0.02))):
        arm = x + side * 0.19
        b.box(min(x, arm), level, max(x, arm), level + 0.09, green)
        b.box(arm - 0.045, level - 0.15, arm + 0.045, level + 0.09, green)
        b.disc(arm, level - 0.15, 0.045, green)


def _snowman(b: _Brush) -> None:
    b.sky((150, 184, 222), (206, 224, 240))
    b.ground(0.26, (244, 248, 253))
    x = b.near(0, 0.08)
    for y, radius in ((0.24, 0.19), (-0.02, 0.145), (-0.22, 0.105)):
        b.disc(x, y + 0.012, radius + 0.012, (186, 204, 226))
        b.disc(x, y, radius, (252, 253, 255))
    b.box(x - 0.12, -0.31, x + 0.12, -0.285, (40, 40, 52))
    b.box(x - 0.075, -0.43, x + 0.075, -0.3, (40, 40, 52))
    b.polygon([(x, -0.22), (x, -0.185), (x + 0.13, -0.195)], (246, 138, 44))
    for dx in (-0.04, 0.04):
        b.disc(x + dx, -0.245, 0.016, (40, 40, 52))
    b.box(x - 0.11, -0.14, x + 0.11, -0.095, (214, 56, 62))


def _rainbow(b: _Brush) -> None:
    b.sky(*_SKIES["day"])
    x, y = b.near(0, 0.04), 0.3
    radius = b.near(0.46, 0.02)
    for colour in ("red", "orange", "yellow", "green", "blue", "purple"):
        b.arc(x, y, radius, 0.056, COLOURS[colour])
        radius -= 0.054
    b.ground(0.26, _GRASS["summer"])
    b.cloud(x - 0.33, 0.24)
    b.cloud(x + 0.33, 0.24)


def _city(b: _Brush) -> None:
    b.usual_sky()
    x = -b.wide - 0.02
    lit = b.picture.time != "day"
    tones: tuple[Rgb, ...] = ((92, 104, 134), (120, 130, 156), (70, 80, 112))
    index, skyline = 0, Random("skyline")
    while x < b.wide:
        w, top = skyline.uniform(0.15, 0.22), b.near(skyline.uniform(-0.26, 0.12))
        b.box(x, top, x + w, b.tall, b.at_time(tones[index % 3]))
        pane = (255, 220, 120) if lit else (188, 214, 236)
        for column in range(2):
            for row in range(int((b.tall - top) / 0.1)):
                px, py = x + w * (0.18 + 0.4 * column), top + 0.04 + 0.1 * row
                if skyline.random() < 0.8:
                    b.box(px, py, px + w * 0.24, py + 0.045, pane)
        x += w
        index += 1
    b.box(-b.wide, b.tall - 0.07, b.wide, b.tall, b.at_time((66, 70, 84)))


def _fish(b: _Brush) -> None:
    b.sky((58, 164, 214), (18, 78, 150))
    b.hill(0.3, b.tall - 0.1, 0.3, (222, 196, 134))
    b.hill(-0.4, b.tall - 0.07, 0.3, (222, 196, 134))
    x, y = b.near(0, 0.06), b.near(-0.04, 0.05)
    colour = b.main_colour()
    b.polygon([(x + 0.18, y), (x + 0.38, y - 0.16), (x + 0.38, y + 0.16)], colour)
    b.polygon([(x - 0.05, y - 0.1), (x + 0.12, y - 0.25), (x + 0.14, y - 0.08)], colour)
    b.disc(x, y, 0.27, colour, 0.165)
    b.disc(x - 0.15, y - 0.04, 0.045, (255, 255, 255))
    b.disc(x - 0.16, y - 0.04, 0.022, (20, 20, 30))
    for _ in range(3):
        left, top = b.near(x - 0.36, 0.06), b.rng.uniform(-0.4, 0)
        b.disc(left, top, b.near(0.025, 0.008), (170, 220, 244))


def _balloon(b: _Brush) -> None:
    b.usual_sky()
    b.hill(-0.3, b.tall - 0.1, 0.3, b.at_time((112, 190, 92)))
    b.hill(0.4, b.tall - 0.12, 0.3, b.at_time((84, 168, 82)))
    x, y = b.near(0, 0.08), b.near(-0.13)
    colour = b.main_colour()
    left, right, low = x - 0.05, x + 0.05, y + 0.33
    cone = [(x - 0.19, y + 0.13), (x + 0.19, y + 0.13), (right, low), (left, low)]
    b.polygon(cone, b.at_time(colour))
    b.disc(x, y, 0.235, b.at_time(colour))
    pale = b.at_time(_mixed(colour, (255, 255, 255), 0.55))
    b.disc(x, y, 0.085, pale, 0.235)
    b.box(x - 0.05, y + 0.37, x + 0.05, y + 0.45, b.at_time((132, 86, 52)))


_PAINTERS: Mapping[str, Callable[[_Brush], None]] = MappingProxyType(
    {
        "house": _house,
        "tree": _tree,
        "boat": _boat,
        "sun": _sun,
        "moon": _moon,
        "mountains": _mountains,
        "flower": _flower,
        "cactus": _cactus,
        "snowman": _snowman,
        "rainbow": _rainbow,
        "city": _city,
        "fish": _fish,
        "balloon": _balloon,
    }
)


def _mixed(colour: Rgb, other: Rgb, share: float) -> Rgb:
    r, g, b = (round(c + (o - c) * share) for c, o in zip(colour, other, strict=True))
    return r, g, b
