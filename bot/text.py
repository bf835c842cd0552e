"""Makes other people's words safe to show on Discord: cleaned, escaped, and cut to length."""

from __future__ import annotations

import re
import unicodedata

_ZERO_WIDTH_JOINER = "\u200d"
_ELLIPSIS = "…"
_MINUTE = 60
_HOUR = 3600
_FENCE = "```"

# What Discord's markdown or its mention parser would act upon. An underscore inside a word does
# nothing there, so option names stay readable.
_ACTIVE = re.compile(
    r"[\\*~`|\[<]"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|(?<=:)/(?=/)"
    r"|@(?=everyone|here)"
    r"|^[>#+-]"
)


def one_line(text: str) -> str:
    """The cleaned text with every run of white space as one space."""
    return " ".join(clean(text).split())


def clean(text: str) -> str:
    """Keep what a reader sees: no control, ANSI, bidirectional, zero-width or tag characters.

    Newlines survive, tabs become spaces, and emoji keep the joiners that hold them together.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    kept: list[str] = []
    for character in text:
        if character in "\n\t":
            kept.append("\n" if character == "\n" else " ")
        elif character == _ZERO_WIDTH_JOINER:
            if kept and unicodedata.category(kept[-1]) in {"So", "Sk", "Mn"}:
                kept.append(character)
        elif unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            kept.append(character)
    return "".join(kept).strip()


def length(text: str) -> int:
    """The text's length in UTF-16 units, the larger of the ways in which Discord counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def clip(text: str, limit: int) -> str:
    """Cut to at most ``limit`` UTF-16 units, ending in an ellipsis, never inside an emoji."""
    if length(text) <= limit:
        return text
    used = 0
    cut = 0
    for cut, character in enumerate(text):  # noqa: B007 - the index where the loop stops is meant
        used += 2 if character > "\uffff" else 1
        if used > limit - len(_ELLIPSIS):
            break
    while cut > 0 and (_continues(text[cut]) or text[cut - 1] == _ZERO_WIDTH_JOINER):
        cut -= 1
    return text[:cut].rstrip() + _ELLIPSIS if limit > 0 else ""


def plain(text: str, limit: int) -> str:
    """The text on one line with nothing for Discord to interpret, at most ``limit`` long."""
    line = one_line(text)
    escaped = _ACTIVE.sub(r"\\\g<0>", line)
    while length(escaped) > limit:
        line = clip(line, min(length(line) - 1, limit))
        escaped = _ACTIVE.sub(r"\\\g<0>", line)
        line = line.removesuffix(_ELLIPSIS)
    return escaped


def block(text: str, limit: int) -> str:
    """The text as a code block to copy from, at most ``limit`` long with its fences.

    A fence inside the text would end the block early, so its backticks become apostrophes.
    """
    room = limit - 2 * len(_FENCE) - 2
    body = clip(clean(text).replace(_FENCE, "'''"), room)
    return f"{_FENCE}\n{body or ' '}\n{_FENCE}"


def duration(seconds: float) -> str:
    """So many seconds as a reader puts it."""
    if seconds < _MINUTE:
        return f"about {max(1, round(seconds))} s"
    if seconds < _HOUR:
        return f"about {round(seconds / _MINUTE)} min"
    return f"about {seconds / _HOUR:.1f} h"


def _continues(character: str) -> bool:
    """True if the character belongs to the one before it."""
    return (
        character == _ZERO_WIDTH_JOINER
        or unicodedata.combining(character) > 0
        or "\ufe00" <= character <= "\ufe0f"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )
