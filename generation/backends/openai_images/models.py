"""The models of an OpenAI-style server, as members see them."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass

from generation.backends.base import ModelInfo, OptionInfo, OptionKind
from generation.backends.openai_images.dialects import OPENAI, SGLANG, Dialect
from generation.backends.remote import values
from generation.types import Task

_OWN = "Automatic"
_MOST_SIDE = 2048
_MOST_STEPS = 150
_MOST_REFERENCES = 4
_DRAWS = frozenset({Task.TXT2IMG})
_EDITS = frozenset({Task.EDIT})
_DRAWS_AND_EDITS = _DRAWS | _EDITS
_VIDEO = ("t2v", "i2v", "ti2v", "a2v", "v2v")


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """What a family of models is used with. ``guidance_field`` is the one that it reads."""

    steps: int = 30
    guidance: float = 5.0
    uses_guidance: bool = True
    uses_negative: bool = True
    guidance_field: str | None = None
    side: int = 1024


_HABITS: tuple[tuple[str, Habits], ...] = (
    ("*z-image*turbo*", Habits(steps=9, guidance=1.0, uses_guidance=False, uses_negative=False)),
    ("*schnell*", Habits(steps=4, guidance=1.0, uses_guidance=False, uses_negative=False)),
    ("*klein*", Habits(steps=4, guidance=1.0, uses_guidance=False, uses_negative=False)),
    ("*turbo*", Habits(steps=8, guidance=1.0, uses_guidance=False, uses_negative=False)),
    ("*lightning*", Habits(steps=8, guidance=1.0, uses_guidance=False, uses_negative=False)),
    ("*qwen*image*", Habits(steps=50, guidance=4.0, guidance_field="true_cfg_scale")),
    ("*flux*", Habits(steps=28, guidance=3.5, uses_negative=False)),
    ("*stable-diffusion-3*", Habits(steps=28, guidance=4.5)),
    ("*stable-diffusion-v1*", Habits(steps=25, guidance=7.0, side=512)),
    ("*stablediffusion*", Habits(steps=20, guidance=7.0, side=512)),
    ("*", Habits()),
)
"""Published settings by patterns of names, the first that fits; operators know better of theirs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Hosted:
    """One of OpenAI's own: it has a few sizes, and options instead of steps."""

    sizes: tuple[tuple[int, int], ...]
    tasks: frozenset[Task]
    options: tuple[OptionInfo, ...] = ()
    most_at_once: int = 10


def _choice(name: str, title: str, *choices: str) -> OptionInfo:
    return OptionInfo(
        name=name, title=title, kind=OptionKind.CHOICE, default=choices[0], choices=choices
    )


_HOSTED: tuple[tuple[str, _Hosted], ...] = (
    (
        "dall-e-2*",
        _Hosted(sizes=((1024, 1024), (512, 512), (256, 256)), tasks=_DRAWS | {Task.INPAINT}),
    ),
    (
        "dall-e-3*",
        _Hosted(
            sizes=((1024, 1024), (1792, 1024), (1024, 1792)),
            tasks=_DRAWS,
            options=(
                _choice("quality", "Quality", "standard", "hd"),
                _choice("style", "Style", "vivid", "natural"),
            ),
            most_at_once=1,
        ),
    ),
    (
        "*gpt-image*",
        _Hosted(
            sizes=((1024, 1024), (1536, 1024), (1024, 1536)),
            tasks=_DRAWS_AND_EDITS | {Task.INPAINT},
            options=(_choice("quality", "Quality", "auto", "low", "medium", "high"),),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model of the server by its ``id`` there. ``most_at_once`` pictures come of one request.

    ``asks_for_base64`` says whether a request must ask for it, and may.
    """

    id: str
    info: ModelInfo
    guidance_field: str | None
    most_at_once: int = 10
    asks_for_base64: bool = True


def read_model(card: Mapping[str, object], dialect: Dialect) -> Model | None:
    """The model of a card of ``/v1/models``; None for one that draws no pictures."""
    name = values.field_text(card, "id")
    if not name:
        return None
    if dialect is OPENAI:
        return _hosted(name)
    kind = values.field_text(card, "task_type").casefold()
    if kind in _VIDEO:
        return None
    return _served(name, _tasks(name, kind, dialect), dialect)


def _hosted(name: str) -> Model | None:
    found = next((known for pattern, known in _HOSTED if fnmatch.fnmatchcase(name, pattern)), None)
    if found is None:
        return None  # such an account lists its language models too
    width, height = found.sizes[0]
    sides = [side for size in found.sizes for side in size]
    info = ModelInfo(
        name=name,
        title=name,
        width=width,
        height=height,
        sizes=found.sizes,
        min_side=min(sides),
        max_side=max(sides),
        multiple_of=256,
        tasks=found.tasks,
        options=found.options,
        max_references=_MOST_REFERENCES if Task.EDIT in found.tasks else 0,
        steps=1,
        max_steps=1,
        guidance_scale=1.0,
        uses_guidance=False,
        uses_negative_prompt=False,
        sampler=_OWN,
        scheduler=_OWN,
        samplers=(_OWN,),
        schedulers=(_OWN,),
    )
    return Model(
        id=name,
        info=info,
        guidance_field=None,
        most_at_once=found.most_at_once,
        asks_for_base64=name.startswith("dall-e"),
    )


def _served(name: str, tasks: frozenset[Task], dialect: Dialect) -> Model:
    """A model on a server of its owner's: sizes are free, steps and guidance can be chosen."""
    habits = next(kept for pattern, kept in _HABITS if fnmatch.fnmatchcase(name.lower(), pattern))
    has_guidance = dialect.guidance is not None and habits.uses_guidance
    short = name.rstrip("/").rpartition("/")[2] or name
    info = ModelInfo(
        name=short,
        title=name,
        width=habits.side,
        height=habits.side,
        steps=habits.steps if dialect.steps else 1,
        max_steps=_MOST_STEPS if dialect.steps else 1,
        guidance_scale=habits.guidance if has_guidance else 1.0,
        uses_guidance=has_guidance,
        uses_negative_prompt=dialect.takes_negative and habits.uses_negative,
        sampler=_OWN,
        scheduler=_OWN,
        samplers=(_OWN,),
        schedulers=(_OWN,),
        multiple_of=16,
        min_side=256,
        max_side=_MOST_SIDE,
        tasks=tasks,
        max_references=_MOST_REFERENCES if Task.EDIT in tasks else 0,
    )
    field = (habits.guidance_field or dialect.guidance) if has_guidance else None
    return Model(id=name, info=info, guidance_field=field, asks_for_base64=dialect.wants_base64)


def _tasks(name: str, kind: str, dialect: Dialect) -> frozenset[Task]:
    """What it is for: as SGLang's card says, else by its name."""
    if dialect is SGLANG and kind:
        return {"i2i": _EDITS, "ti2i": _DRAWS_AND_EDITS}.get(kind, _DRAWS)
    is_editor = any(word in name.casefold() for word in ("edit", "kontext"))
    return _EDITS if is_editor and dialect.steps == "num_inference_steps" else _DRAWS
