"""What the demo model can draw: the vocabulary, one picture's description, and how to draw lots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Literal

Rgb = tuple[int, int, int]
Kind = Literal["single", "group", "pair", "scene", "nothing", "close-up"]
"""What a picture shows; a close-up is drawn as a single, but large and in the middle."""

SHAPES = (
    "circle",
    "square",
    "triangle",
    "star",
    "heart",
    "ring",
    "cross",
    "diamond",
    "crescent",
)
COLOURS: Mapping[str, Rgb] = MappingProxyType(
    {
        "red": (222, 48, 54),
        "orange": (247, 140, 36),
        "yellow": (252, 213, 58),
        "green": (62, 166, 76),
        "teal": (40, 182, 184),
        "blue": (42, 98, 214),
        "purple": (132, 62, 186),
        "pink": (250, 138, 182),
        "brown": (128, 80, 46),
        "white": (252, 252, 252),
        "grey": (146, 150, 156),
        "black": (28, 28, 32),
    }
)
PAPER: Rgb = (248, 241, 226)
STYLES = ("plain", "outlined", "striped", "spotted")
SIZES = ("medium", "small", "large")
POSITIONS = (
    "centre",
    "left",
    "right",
    "top",
    "bottom",
    "top left",
    "top right",
    "bottom left",
    "bottom right",
)
RELATIONS = ("above", "below", "left of", "right of", "inside")
SCENES = (
    "house",
    "tree",
    "boat",
    "sun",
    "moon",
    "mountains",
    "flower",
    "cactus",
    "snowman",
    "rainbow",
    "city",
    "fish",
    "balloon",
)
TIMES = ("day", "night", "sunset")
SEASONS = ("summer", "spring", "autumn", "winter")
COLOURED_SCENES: Mapping[str, str] = MappingProxyType(
    {"house": "white", "boat": "white", "flower": "pink", "fish": "orange", "balloon": "red"}
)
"""Scenes whose main object takes a colour word, each with the colour it has without one."""
SEASONAL_SCENES = ("house", "tree", "mountains")
TIMED_SCENES = ("house", "tree", "boat", "mountains", "city", "balloon", "cactus")

_CLOSE = frozenset(
    {
        frozenset({"white", "paper"}),
        frozenset({"grey", "white"}),
        frozenset({"grey", "paper"}),
        frozenset({"red", "pink"}),
        frozenset({"red", "orange"}),
        frozenset({"orange", "yellow"}),
        frozenset({"orange", "brown"}),
        frozenset({"brown", "black"}),
        frozenset({"brown", "red"}),
        frozenset({"blue", "purple"}),
        frozenset({"green", "teal"}),
        frozenset({"yellow", "paper"}),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One drawable picture, in the words of this module.

    ``background`` is a colour, or ``"paper"``, which captions never name. ``shape`` and ``colour``
    of a scene are empty and its main object's colour (empty: its usual one). ``kind="nothing"``
    is a bare background. The second shape belongs to pairs alone.
    """

    kind: Kind
    background: str = "paper"
    shape: str = ""
    colour: str = ""
    style: str = "plain"
    size: str = "medium"
    position: str = "centre"
    count: int = 1
    relation: str = ""
    second_shape: str = ""
    second_colour: str = ""
    scene: str = ""
    time: str = "day"
    season: str = "summer"


SLOTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "kind": ("empty", "single", "group", "pair", "scene", "nothing"),
        "background": ("", "paper", *COLOURS),
        "shape": ("", *SHAPES),
        "colour": ("", *COLOURS),
        "style": STYLES,
        "size": SIZES,
        "position": POSITIONS,
        "count": ("1", "2", "3"),
        "relation": ("", *RELATIONS),
        "second_shape": ("", *SHAPES),
        "second_colour": ("", *COLOURS),
        "scene": ("", *SCENES),
        "time": TIMES,
        "season": SEASONS,
    }
)
"""Everything a caption can say, slot by slot; the first value stands for "not said"."""


def are_distinct(first: str, second: str) -> bool:
    """Whether two colours (or ``"paper"``) are told apart at a glance."""
    return first != second and frozenset({first, second}) not in _CLOSE


BALANCED: Mapping[Kind, float] = MappingProxyType(
    {
        "close-up": 0.14,
        "single": 0.36,
        "group": 0.14,
        "pair": 0.15,
        "scene": 0.19,
        "nothing": 0.02,
    }
)
"""Everything there is."""
SHAPELY: Mapping[Kind, float] = MappingProxyType(
    {
        "close-up": 0.3,
        "single": 0.36,
        "group": 0.1,
        "pair": 0.1,
        "scene": 0.13,
        "nothing": 0.01,
    }
)
"""Everything, but mostly single shapes."""
CLOSE_UPS: Mapping[Kind, float] = MappingProxyType({"close-up": 0.96, "nothing": 0.04})
"""One shape that fills the picture, where its form matters most to the error."""


def draw_lots(rng: Random, kinds: Mapping[Kind, float] = BALANCED) -> Picture:
    """A random picture; ``kinds`` weighs the kinds of picture."""
    kind = rng.choices(list(kinds), weights=list(kinds.values()))[0]
    if kind == "scene":
        return _scene(rng)
    background = _background(rng)
    if kind == "nothing":
        return Picture(kind=kind, background=rng.choice(list(COLOURS)))
    colour = _colour(rng, background)
    shape = rng.choice(SHAPES)
    if kind == "pair":
        return _pair(rng, background, shape, colour)
    style = rng.choices(STYLES, weights=(80, 7, 7, 6))[0]
    if style == "outlined" and shape in {"ring", "crescent"}:
        style = "plain"
    if kind == "group":
        return Picture(
            kind=kind,
            background=background,
            shape=shape,
            colour=colour,
            style=style,
            count=rng.choice((2, 3)),
        )
    if kind == "close-up":
        return Picture(
            kind="single",
            background=background,
            shape=shape,
            colour=colour,
            size="large" if rng.random() < 0.65 else "medium",
        )
    position = "centre" if rng.random() < 0.55 else rng.choice(POSITIONS[1:])
    sizes = (60, 15, 25) if position == "centre" else (75, 25, 0)
    return Picture(
        kind=kind,
        background=background,
        shape=shape,
        colour=colour,
        style=style,
        size=rng.choices(SIZES, weights=sizes)[0],
        position=position,
    )


def _background(rng: Random) -> str:
    return "paper" if rng.random() < 0.2 else rng.choice(list(COLOURS))


def _colour(rng: Random, *apart_from: str) -> str:
    return rng.choice([c for c in COLOURS if all(are_distinct(c, other) for other in apart_from)])


def _pair(rng: Random, background: str, shape: str, colour: str) -> Picture:
    relation = rng.choice(RELATIONS)
    second = rng.choice([other for other in SHAPES if other != shape])
    if relation == "inside":
        second = rng.choice([other for other in ("circle", "square") if other != shape])
    return Picture(
        kind="pair",
        background=background,
        shape=shape,
        colour=colour,
        relation=relation,
        second_shape=second,
        second_colour=_colour(rng, background, colour),
    )


def _scene(rng: Random) -> Picture:
    scene = rng.choice(SCENES)
    time = "day"
    if scene in TIMED_SCENES:
        time = rng.choices(TIMES, weights=(5, 3, 2))[0]
    season = "summer"
    if scene in SEASONAL_SCENES and time == "day":
        season = rng.choices(SEASONS, weights=(5, 2, 2, 3))[0]
    colour = ""
    if scene in COLOURED_SCENES and rng.random() < 0.6:
        colour = rng.choice([c for c in COLOURS if c not in {"black", "grey"}])
    return Picture(
        kind="scene", background="", scene=scene, colour=colour, time=time, season=season
    )
