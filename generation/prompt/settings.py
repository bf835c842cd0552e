"""An engine's own options as members write them: ``name=value``, alone or in a list."""

from __future__ import annotations

import re
from collections.abc import Iterable

from generation.errors import InvalidParams
from generation.types import OptionValue, Setting

SETTING_LENGTH = 1000
SETTING_MOST = 25
"""How many may be set at once."""

_NAME_LENGTH = 80
_SHOWN = 40
_CLOSING = {'"': '"', "“": "”", "„": "“"}
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|“([^”]*)”|„([^“”]*)[“”]')
_NEEDS_QUOTES = re.compile(r'[\s,"“„\\]|--|^$')
_HOW = "An option is set like name=value, or name=“two words”"


def read_setting(text: str, _flag: str = "set") -> Setting:
    """``name=value``, the value or all of it quoted or not. The value is still text.

    Raises ``InvalidParams``.
    """
    whole = _QUOTED.fullmatch(text.strip())
    name, mark, value = (_unquoted(whole) if whole else text).partition("=")
    name, value = name.strip(), value.strip()
    if not mark or not name or not value or len(name) > _NAME_LENGTH:
        raise InvalidParams("options", f"{_HOW}, not “{_cut(text.strip())}”.")
    if value[0] in _CLOSING:
        quoted = _QUOTED.fullmatch(value)
        if quoted is None:
            raise InvalidParams("options", f"The quote after {_cut(name)}= is not closed.")
        value = _unquoted(quoted)
    if len(value) > SETTING_LENGTH:
        raise InvalidParams(
            "options", f"The value of {_cut(name)} is too long: the most is {SETTING_LENGTH:,}."
        )
    return Setting(name=name, value=value)


def read_settings(text: str) -> tuple[Setting, ...]:
    """A list such as ``tiling=yes, style="oil, ink"``; empty places are skipped.

    Raises ``InvalidParams``.
    """
    return tuple(read_setting(part) for part in split_settings(text) if part.strip())


def split_settings(text: str) -> list[str]:
    """The parts of a list, at commas outside quotes. The last one may be unfinished."""
    parts: list[str] = []
    start = at = 0
    while at < len(text):
        if text[at] == ",":
            parts.append(text[start:at])
            start = at = at + 1
            continue
        opens = text[at] in _CLOSING and text[start:at].rstrip().endswith("=")
        quoted = _QUOTED.match(text, at) if opens else None
        at = len(text) if opens and quoted is None else quoted.end() if quoted else at + 1
    return [*parts, text[start:]]


def write_setting(setting: Setting) -> str:
    """The setting as ``read_setting`` reads it back."""
    return f"{setting.name}={_quoted(written(setting.value))}"


def write_settings(settings: Iterable[Setting]) -> str:
    """The settings as ``read_settings`` reads them back."""
    return ", ".join(write_setting(setting) for setting in settings)


def written(value: OptionValue) -> str:
    """A value as members type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def words_of_setting(first: str, rest: Iterable[str]) -> int:
    """How many words, one at least, are the setting that begins with ``first``.

    Raises ``InvalidParams`` for a quote that is never closed.
    """
    name, _, value = ("", "", first) if first[0] in _CLOSING else first.partition("=")
    closing = _CLOSING.get(value[:1])
    if closing is None or _closes(value[1:], closing):
        return 1
    for count, word in enumerate(rest, start=2):
        if _closes(word, closing):
            return count
    raise InvalidParams("options", f"The quote after --set {_cut(name)}= is not closed.")


def _closes(word: str, closing: str) -> bool:
    if not word.endswith(closing):
        return False
    before = word[:-1]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 0


def _unquoted(quoted: re.Match[str]) -> str:
    plain, *typographic = quoted.groups()
    if plain is not None:
        return re.sub(r"\\(.)", r"\1", plain)
    return next(text for text in typographic if text is not None)


def _quoted(text: str) -> str:
    if not _NEEDS_QUOTES.search(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
