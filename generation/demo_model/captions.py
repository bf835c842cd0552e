"""How people ask for a picture: synonyms, free word order, and words that say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType

from generation.demo_model.domain import COLOURED_SCENES, SLOTS, Picture

SHAPE_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "circle": ("circle", "circle", "circle", "disc", "disk", "ball", "dot"),
        "square": ("square", "square", "square", "box", "block"),
        "triangle": ("triangle", "triangle", "triangle", "pyramid"),
        "star": ("star",),
        "heart": ("heart", "heart", "heart", "love heart"),
        "ring": ("ring", "ring", "ring", "donut", "doughnut", "hoop"),
        "cross": ("cross", "cross", "cross", "plus", "plus sign"),
        "diamond": ("diamond", "diamond", "diamond", "rhombus"),
        "crescent": ("crescent", "crescent", "crescent shape"),
    }
)
COLOUR_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "red": ("red", "red", "red", "red", "crimson", "scarlet"),
        "orange": ("orange",),
        "yellow": ("yellow", "yellow", "yellow", "yellow", "golden", "gold", "lemon"),
        "green": ("green", "green", "green", "green", "emerald"),
        "teal": ("teal", "teal", "turquoise", "cyan", "aqua"),
        "blue": ("blue", "blue", "blue", "blue", "azure", "navy"),
        "purple": ("purple", "purple", "purple", "violet"),
        "pink": ("pink", "pink", "pink", "rose", "magenta"),
        "brown": ("brown", "brown", "brown", "chocolate"),
        "white": ("white", "white", "white", "snow white"),
        "grey": ("grey", "gray", "silver"),
        "black": ("black",),
    }
)
SIZE_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "medium": ("", "", "", "", "", "", "medium", "medium sized"),
        "small": ("small", "small", "little", "tiny"),
        "large": ("big", "big", "large", "large", "huge", "giant"),
    }
)
STYLE_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "plain": ("",),
        "outlined": ("outlined", "outlined", "hollow", "outline"),
        "striped": ("striped", "striped", "stripy"),
        "spotted": ("spotted", "spotted", "dotted", "polka dot"),
    }
)
_SIDES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "left": ("left",),
        "right": ("right",),
        "top": ("top", "top", "upper"),
        "bottom": ("bottom", "bottom", "lower"),
    }
)
COUNT_WORDS: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {2: ("two", "two", "2", "a pair of", "a couple of"), 3: ("three", "three", "3", "a trio of")}
)
RELATION_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "above": ("above", "above", "over", "on top of"),
        "below": ("below", "below", "under", "beneath", "underneath"),
        "left of": ("left of", "to the left of", "and", "next to", "beside"),
        "right of": ("right of", "to the right of"),
        "inside": ("inside", "inside", "in", "within", "in front of"),
    }
)
SCENE_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "house": ("a house", "a house", "house", "a little house", "a cottage", "home"),
        "tree": ("a tree", "a tree", "tree", "a lonely tree", "an oak tree"),
        "boat": ("a boat", "a boat on the sea", "boat", "a sailboat", "a ship", "a ship at sea"),
        "sun": ("the sun", "sun", "a sunny sky", "the sun over hills", "sunshine"),
        "moon": ("the moon", "moon", "a moon and stars", "the moon in a starry sky", "night sky"),
        "mountains": ("mountains", "a mountain", "mountain", "mountain landscape", "the alps"),
        "flower": ("a flower", "flower", "a flower in the grass", "a blossom", "a daisy"),
        "cactus": ("a cactus", "cactus", "a desert", "a cactus in the desert"),
        "snowman": ("a snowman", "snowman", "a snowman in the snow"),
        "rainbow": ("a rainbow", "rainbow", "a rainbow in the sky", "a rainbow over hills"),
        "city": ("a city", "city", "a skyline", "a city skyline", "skyscrapers", "a town"),
        "fish": ("a fish", "fish", "a fish in the sea", "a fish under water"),
        "balloon": ("a hot air balloon", "a balloon", "balloon", "hot air balloon"),
    }
)
TIME_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "day": ("", "", "", "by day", "during the day", "in daylight"),
        "night": ("at night", "at night", "by night", "under a night sky", "in the dark"),
        "sunset": ("at sunset", "at sunset", "at dusk", "in the evening", "at dawn"),
    }
)
SEASON_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "summer": ("", "", "", "in summer"),
        "spring": ("in spring", "in spring", "in blossom", "during spring"),
        "autumn": ("in autumn", "in autumn", "in fall", "with autumn leaves"),
        "winter": ("in winter", "in winter", "in the snow", "covered in snow", "snowy"),
    }
)
_OPENINGS = (
    "a picture of",
    "an image of",
    "a drawing of",
    "picture of",
    "draw",
    "draw me",
    "please paint",
    "illustration of",
    "a cute picture of",
    "a beautiful painting of",
    "i want",
    "show me",
    "can you draw",
)
_ENDINGS = (
    "high quality",
    "4k",
    "digital art",
    "masterpiece",
    "minimal",
    "simple",
    "best quality",
    "flat design",
    "vector art",
    "trending",
    "very nice",
    "thank you",
    "!",
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FOREIGN = "äöüßéèñçøåœæабвгдежзикλμπσωéあいうえおカキク日本語山水火한국어العربية😀🎨🚀✨❤️🐱"


@dataclass(frozen=True, kw_only=True, slots=True)
class Caption:
    """A request in words, and what it says: one value for each slot of ``domain.SLOTS``."""

    text: str
    says: Mapping[str, str] = field(default_factory=lambda: {s: v[0] for s, v in SLOTS.items()})


def describe(picture: Picture, rng: Random) -> Caption:
    """One of the many ways to ask for the picture. Rarely leaves a shape or colour unsaid."""
    says = {slot: values[0] for slot, values in SLOTS.items()}
    says["kind"] = picture.kind
    if picture.kind == "scene":
        words = _scene_words(picture, rng)
        said: tuple[str, ...] = ("scene", "time", "season", "colour")
    elif picture.kind == "nothing":
        words, said = _background_words(picture.background, rng), ("background",)
    elif picture.kind == "pair":
        words = _pair_words(picture, rng)
        said = ("background", "shape", "colour", "relation", "second_shape", "second_colour")
    else:
        named = rng.choices(("both", "shape", "colour"), weights=(92, 5, 3))[0]
        words = _single_words(picture, rng, shape=named != "colour", colour=named != "shape")
        said = ("background", "style", "size", "position", "count")
        said += ("shape", "colour") if named == "both" else (named,)
    for slot in said:
        says[slot] = str(getattr(picture, slot))
    return Caption(text=_with_filler(words, rng), says=says)


def _single_words(picture: Picture, rng: Random, *, shape: bool, colour: bool) -> str:
    many = picture.count > 1
    noun = rng.choice(SHAPE_WORDS[picture.shape]) if shape else rng.choice(("thing", "shape"))
    if many:
        noun = plural(noun)
    colour_word = rng.choice(COLOUR_WORDS[picture.colour]) if colour else ""
    size = rng.choice(SIZE_WORDS[picture.size])
    style = rng.choice(STYLE_WORDS[picture.style])
    count = rng.choice(COUNT_WORDS[picture.count]) if many else ""
    place = place_words(picture.position, rng)
    if rng.random() < 0.12:
        tags = [count, noun, colour_word, size, style, place]
        tags += [_background_tag(picture.background, rng)]
        if many:
            tags = [f"{count} {noun}", *tags[2:]]
        rng.shuffle(tags)
        return ", ".join(tag for tag in tags if tag)
    adjectives = [word for word in (size, style, colour_word) if word]
    if rng.random() < 0.15:
        rng.shuffle(adjectives)
    phrase = " ".join([*adjectives, noun])
    if many:
        phrase = f"{count} {phrase}"
    elif rng.random() < 0.75:
        phrase = with_article(phrase)
    return _arranged(phrase, place, picture.background, rng)


def _pair_words(picture: Picture, rng: Random) -> str:
    first = f"{rng.choice(COLOUR_WORDS[picture.colour])} {rng.choice(SHAPE_WORDS[picture.shape])}"
    second = (
        f"{rng.choice(COLOUR_WORDS[picture.second_colour])} "
        f"{rng.choice(SHAPE_WORDS[picture.second_shape])}"
    )
    if rng.random() < 0.8:
        first, second = with_article(first), with_article(second)
    relation = rng.choice(RELATION_WORDS[picture.relation])
    return _arranged(f"{first} {relation} {second}", "", picture.background, rng)


def _arranged(phrase: str, place: str, background: str, rng: Random) -> str:
    """The phrase, its place and its background, in one of the orders people use."""
    comma = rng.choice((" ", " ", ", "))
    if background == "paper":
        return f"{phrase}{comma}{place}" if place else phrase
    if rng.random() < 0.15:
        parts = [_background_tag(background, rng), phrase, place]
        return ", ".join(part for part in parts if part)
    parts = [place, _background_words(background, rng)]
    if rng.random() < 0.25:
        parts.reverse()
    return comma.join(part for part in (phrase, *parts) if part)


def _background_words(background: str, rng: Random) -> str:
    colour = rng.choice(COLOUR_WORDS[background])
    pattern = rng.choice(
        (
            "on {a} background",
            "on {a} background",
            "on {a} background",
            "against {a} background",
            "with {a} background",
            "on {a} backdrop",
            "on {a} wall",
            "on {c}",
            "{c} background",
            "with {c} behind",
        )
    )
    return pattern.format(c=colour, a=with_article(colour))


def _background_tag(background: str, rng: Random) -> str:
    if background == "paper":
        return ""
    colour = rng.choice(COLOUR_WORDS[background])
    pattern = rng.choice(("{c} background", "{c} background", "background {c}", "background: {c}"))
    return pattern.format(c=colour)


def place_words(position: str, rng: Random) -> str:
    """Where the thing stands, in words; the centre is mostly left unsaid."""
    if position == "centre":
        return rng.choice(("", "", "", "", "in the centre", "in the middle", "in the center"))
    words = " ".join(rng.choice(_SIDES[side]) for side in position.split())
    if " " in position:
        pattern = rng.choice(("in the {} corner", "in the {}", "at the {}", "{}", "{} corner"))
    elif position in {"left", "right"}:
        pattern = rng.choice(
            ("on the {}", "on the {}", "on the {} side", "{} side", "to the {}", "{}")
        )
    else:
        pattern = rng.choice(("at the {}", "at the {}", "in the {} part", "near the {}", "{}"))
    return pattern.format(words)


def _scene_words(picture: Picture, rng: Random) -> str:
    words = rng.choice(SCENE_WORDS[picture.scene])
    if picture.colour:
        noun = "hot air balloon" if picture.scene == "balloon" else picture.scene
        words = f"{rng.choice(COLOUR_WORDS[picture.colour])} {noun}"
        if rng.random() < 0.8:
            words = with_article(words)
        if picture.colour == COLOURED_SCENES[picture.scene] and rng.random() < 0.3:
            words = with_article(noun)
    tail = [rng.choice(TIME_WORDS[picture.time]), rng.choice(SEASON_WORDS[picture.season])]
    if rng.random() < 0.3:
        tail.reverse()
    comma = rng.choice((" ", " ", ", "))
    return comma.join(part for part in (words, *tail) if part)


def _with_filler(words: str, rng: Random) -> str:
    if rng.random() < 0.12:
        words = f"{rng.choice(_OPENINGS)} {words}"
    if rng.random() < 0.1:
        words = f"{words}, {rng.choice(_ENDINGS)}"
    if rng.random() < 0.05:
        parts = [words, _unknown_word(rng)]
        rng.shuffle(parts)
        words = " ".join(parts)
    return words


def _unknown_word(rng: Random) -> str:
    alphabet = _LETTERS if rng.random() < 0.7 else _FOREIGN
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 9)))


def plural(noun: str) -> str:
    """More than one of a shape's noun: circles, boxes, crosses, plus signs."""
    if noun.endswith(("s", "x")):
        return noun + "es"
    return noun + "s"


def with_article(phrase: str) -> str:
    """The phrase with "a" or "an" before it."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"
