"""A draft: a wish as far as its member spelled it out, from options, flags, or both."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

from generation.errors import InvalidParams
from generation.types import Control, Lora, Setting

_MOST_EXTREME = 10_000
_JOINED = frozenset({"prompt", "loras", "options", "controls"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What a member typed. None means that they left it open.

    ``aspect_ratio`` is ``"3:2"``; ``seed`` may be -1, which asks for a random one. The values of
    ``options`` may still be text. ``controls`` have a picture each beside the draft.
    """

    prompt: str = ""
    negative_prompt: str | None = None
    model: str | None = None
    width: int | None = None
    height: int | None = None
    aspect_ratio: str | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    sampler: str | None = None
    scheduler: str | None = None
    seed: int | None = None
    count: int | None = None
    strength: float | None = None
    loras: tuple[Lora, ...] = ()
    eta: float | None = None
    clip_skip: int | None = None
    exact: bool | None = None
    mask_blur: int | None = None
    padding: int | None = None
    hires: float | None = None
    hires_strength: float | None = None
    subseed: int | None = None
    subseed_strength: float | None = None
    reference_weight: float | None = None
    options: tuple[Setting, ...] = ()
    controls: tuple[Control, ...] = ()
    tiling: bool | None = None


def merge(options: Draft, flags: Draft) -> Draft:
    """The options of a command completed by the flags found in its prompt.

    The prompt is the one of ``flags``: it is the text without them. Raises ``InvalidParams``
    where both give the same thing with different values.
    """
    found: dict[str, str | float | None] = {}
    for name in (item.name for item in fields(Draft) if item.name not in _JOINED):
        option, flag = getattr(options, name), getattr(flags, name)
        if option is not None and flag is not None and option != flag:
            raise InvalidParams(
                name,
                f"The option {name} says {option}, but the flag in the prompt says {flag}. "
                "Please keep only one.",
            )
        found[name] = option if option is not None else flag
    loras = options.loras + tuple(lora for lora in flags.loras if lora not in options.loras)
    settings = options.options + tuple(one for one in flags.options if one not in options.options)
    joined = replace(flags, loras=loras, options=settings, controls=options.controls)
    return replace(joined, **found)  # type: ignore[arg-type]  # names from fields()


def parse_ratio(text: str, *, option: str = "aspect_ratio") -> float:
    """Width over height of ``3:2``, ``16x9``, ``16/9`` or ``1.5``. Raises ``InvalidParams``."""
    left, right = text.strip().lower(), "1"
    for candidate in (":", "x", "×", "/"):
        if candidate in left:
            left, _, right = left.partition(candidate)
            break
    width, height = _positive(left), _positive(right)
    if width is None or height is None:
        shown = text if len(text) <= 20 else text[:20] + "…"
        raise InvalidParams(
            option, f"“{shown}” is not an aspect ratio. Please write it like 3:2 or 16:9."
        )
    return width / height


def _positive(text: str) -> float | None:
    text = text.strip()
    if not text or len(text) > 8 or not text.isascii() or text.strip("0123456789.") != "":
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 < number <= _MOST_EXTREME else None
