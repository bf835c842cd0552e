"""The fixed 200 prompts the model is judged by, and a smaller set to watch while it learns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from generation.demo_model.captions import with_article
from generation.demo_model.domain import (
    COLOURS,
    POSITIONS,
    SCENES,
    SHAPES,
    Picture,
    are_distinct,
)

_RELATIONS = ("above", "below", "left of", "right of")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A prompt, its seed, and the picture it asks for."""

    prompt: str
    seed: int
    wanted: Picture


def exam() -> tuple[Question, ...]:
    """The 200 prompts. Training never looks at them."""
    return tuple(
        _questions(offset=0, turns=11, places=3, groups=24, pairs=20, sizes=14, time="night")
    )


def practice() -> tuple[Question, ...]:
    """Other prompts, for choosing settings and watching a run."""
    return tuple(
        _questions(offset=5, turns=3, places=1, groups=10, pairs=8, sizes=6, time="sunset")
    )


def _questions(
    *, offset: int, turns: int, places: int, groups: int, pairs: int, sizes: int, time: str
) -> Iterator[Question]:
    seed = 1000 * (offset + 1)
    for wanted in (
        *_singles(offset, turns),
        *_placed(offset, places),
        *_groups(offset, groups),
        *_pairs(offset, pairs),
        *_sized(offset, sizes),
        *_scenes(time),
    ):
        seed += 1
        yield Question(prompt=_words(wanted, seed), seed=seed, wanted=wanted)


def _colours(turn: int, apart: int = 5) -> tuple[str, str]:
    """A colour and a ground; ``turn`` walks through pairs that are easily told apart."""
    names = list(COLOURS)
    colour = names[turn % len(names)]
    start = turn * apart + turn // len(names)
    grounds = [names[(start + i) % len(names)] for i in range(len(names))]
    return colour, next(ground for ground in grounds if are_distinct(colour, ground))


def _singles(offset: int, turns: int) -> Iterator[Picture]:
    for turn in range(turns):
        for index, shape in enumerate(SHAPES):
            colour, ground = _colours(offset + turn + index * (turns + 2))
            yield Picture(kind="single", shape=shape, colour=colour, background=ground)


def _placed(offset: int, places: int) -> Iterator[Picture]:
    for turn in range(places):
        for index, position in enumerate(POSITIONS[1:]):
            colour, ground = _colours(offset + 7 * turn + index)
            shape = SHAPES[(offset + index * 2 + turn * 3) % len(SHAPES)]
            yield Picture(
                kind="single", shape=shape, colour=colour, background=ground, position=position
            )


def _groups(offset: int, groups: int) -> Iterator[Picture]:
    for turn in range(groups):
        colour, ground = _colours(offset + turn * 5 + 1)
        shape = SHAPES[(offset + turn) % len(SHAPES)]
        yield Picture(
            kind="group", shape=shape, colour=colour, background=ground, count=2 + turn % 2
        )


def _pairs(offset: int, pairs: int) -> Iterator[Picture]:
    for turn in range(pairs):
        colour, ground = _colours(offset + turn * 7 + 2)
        second = next(
            name
            for name in list(COLOURS)[turn % 12 :] + list(COLOURS)
            if are_distinct(name, colour) and are_distinct(name, ground)
        )
        yield Picture(
            kind="pair",
            shape=SHAPES[turn % len(SHAPES)],
            colour=colour,
            background=ground,
            relation=_RELATIONS[turn % 4],
            second_shape=SHAPES[(turn + 2 + turn // 9) % len(SHAPES)],
            second_colour=second,
        )


def _sized(offset: int, sizes: int) -> Iterator[Picture]:
    for turn in range(sizes):
        colour, ground = _colours(offset + turn * 11 + 3)
        shape = SHAPES[(offset + turn * 4) % len(SHAPES)]
        size = ("small", "large")[turn % 2]
        yield Picture(kind="single", shape=shape, colour=colour, background=ground, size=size)


def _scenes(time: str) -> Iterator[Picture]:
    if time == "night":
        for scene in SCENES:
            yield Picture(kind="scene", background="", scene=scene)
    for scene in ("house", "tree", "boat", "city", "mountains", "cactus"):
        yield Picture(kind="scene", background="", scene=scene, time=time)


def _words(wanted: Picture, seed: int) -> str:
    if wanted.kind == "scene":
        noun = wanted.scene if wanted.scene.endswith("s") else with_article(wanted.scene)
        return noun if wanted.time == "day" else f"{noun} at {wanted.time}"
    ground = (
        f"on {with_article(wanted.background)} background",
        f"{wanted.background} background",
    )[seed % 2]
    phrase = f"{wanted.colour} {wanted.shape}"
    if wanted.kind == "pair":
        second = f"{wanted.second_colour} {wanted.second_shape}"
        return f"{with_article(phrase)} {wanted.relation} {with_article(second)}, {ground}"
    if wanted.kind == "group":
        ending = "es" if wanted.shape == "cross" else "s"
        return f"{('two', 'three')[wanted.count - 2]} {phrase}{ending}, {ground}"
    if wanted.size != "medium":
        phrase = f"{wanted.size} {phrase}"
    place = ""
    if wanted.position != "centre":
        place = f" in the {wanted.position}" + (" corner" if " " in wanted.position else "")
        if wanted.position in {"left", "right"}:
            place = f" on the {wanted.position}"
    return f"{with_article(phrase)}{place}, {ground}"
