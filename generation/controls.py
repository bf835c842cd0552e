"""The kinds of pictures that can hold a drawing to something: their names, and words for them."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlKind:
    """A kind by ``name``. ``words`` are those by which files of published ControlNets name it.

    With ``prepares`` such a picture can be made of any other one without a further model.
    """

    name: str
    title: str
    words: tuple[str, ...]
    prepares: bool = False


CONTROL_KINDS: tuple[ControlKind, ...] = (
    ControlKind(name="canny", title="Hard edges (Canny)", words=("canny",), prepares=True),
    ControlKind(name="lineart", title="Line art", words=("lineart", "line"), prepares=True),
    ControlKind(
        name="softedge",
        title="Soft edges",
        words=("softedge", "hed", "pidi", "pidinet", "soft"),
        prepares=True,
    ),
    ControlKind(name="scribble", title="Scribble", words=("scribble", "sketch"), prepares=True),
    ControlKind(name="mlsd", title="Straight lines", words=("mlsd",)),
    ControlKind(name="depth", title="Depth", words=("depth", "midas", "zoe", "leres")),
    ControlKind(name="normal", title="Surface normals", words=("normal", "normalbae", "bae")),
    ControlKind(name="pose", title="Pose", words=("openpose", "pose", "dwpose")),
    ControlKind(name="segment", title="Segments", words=("seg", "segment", "segmentation")),
    ControlKind(name="tile", title="The picture itself (tile)", words=("tile",), prepares=True),
    ControlKind(name="blur", title="Blurred picture", words=("blur",), prepares=True),
    ControlKind(name="gray", title="Shades of grey", words=("gray", "grey"), prepares=True),
    ControlKind(name="lowquality", title="Poor picture", words=("lq", "lowquality")),
)
"""Every kind there is, in the order in which they are offered."""

CONTROL_NAMES: tuple[str, ...] = tuple(kind.name for kind in CONTROL_KINDS)
MOST_CONTROLS = 4
"""How many pictures may hold one drawing: each is a further model that runs in every step."""
MOST_CONTROL_WEIGHT = 2.0


def control_kind(name: str) -> ControlKind:
    """The kind of that name. Raises ``KeyError``."""
    return _BY_NAME[name]


def kinds_named_in(text: str) -> tuple[str, ...]:
    """The kinds that a file's or folder's name speaks of, as in ``control_v11p_sd15_canny``."""
    words = set(re.split(r"[^a-z0-9]+", text.casefold()))
    return tuple(kind.name for kind in CONTROL_KINDS if words & set(kind.words))


_BY_NAME = {kind.name: kind for kind in CONTROL_KINDS}
