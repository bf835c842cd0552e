"""Reads a TOML file and goes on past broken lines, so that all mistakes show at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.config.lines import Path as KeyPath, key_lines
from bot.config.problems import ConfigError, Problem

MOST_BROKEN_LINES = 20

_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=\s*(.*)")
_FOLLOWS_FROM_EARLIER = ("Unclosed", "Expected ']' at the end", "Unterminated")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A parsed file. ``broken_keys`` are the names on lines that had to be left out."""

    path: Path
    table: Mapping[str, object]
    lines: Mapping[KeyPath, int]
    broken_keys: frozenset[str]
    problems: tuple[Problem, ...]


def read_source(path: Path) -> Source:
    """Parse the file, leaving out lines that are no TOML.

    Raises ``ConfigError`` when the file cannot be read, or is broken in a way that makes the
    rest of it unreadable.
    """
    rows = _text(path).split("\n")
    problems: list[Problem] = []
    broken: set[str] = set()
    while True:
        text = "\n".join(rows)
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            line, message = _position(error)
            row = rows[line - 1] if line else ""
            problems.append(_syntax_problem(line, message, row))
            key = _KEY.match(row)
            if line is None or key is None or len(problems) >= MOST_BROKEN_LINES:
                raise ConfigError(path, problems) from error
            if message.startswith(_FOLLOWS_FROM_EARLIER):
                raise ConfigError(path, problems) from error
            broken.add(key[1])
            rows[line - 1] = ""
            continue
        return Source(
            path=path,
            table=table,
            lines=key_lines(text),
            broken_keys=frozenset(broken),
            problems=tuple(problems),
        )


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        what = "there is no such file"
        instead = "Copy config.example.toml to that place and put your bot's token in it"
        raise ConfigError(path, [Problem(key="", what=what, instead=instead)]) from error
    except OSError as error:
        what = f"the file cannot be read: {error.strerror}"
        instead = "Give a TOML file that this user may read"
        raise ConfigError(path, [Problem(key="", what=what, instead=instead)]) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = "the file is not UTF-8 text"
        instead = "Save it again with the encoding UTF-8"
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, [Problem(key="", what=what, instead=instead, line=line)]) from error
    return text.replace("\r\n", "\n")


def _position(error: tomllib.TOMLDecodeError) -> tuple[int | None, str]:
    """The line and the bare message; Python 3.11's error has both only as text."""
    text = str(error)
    match = _POSITION.search(text)
    if match is None:
        return None, text
    return (int(match[1]) if match[1] else None), text[: match.start()]


def _syntax_problem(line: int | None, message: str, row: str) -> Problem:
    key = _KEY.match(row)
    name = key[1] if key else ""
    value = key[2] if key else ""
    if value[:1] == '"' and "\\" in value:
        instead = "In double quotes every \\ must be doubled; single quotes take it as it is"
    elif message == "Cannot overwrite a value":
        return Problem(
            key=name, what="this key is written twice", instead="Keep one of them", line=line
        )
    elif name and message == "Invalid value" and value and value[0] not in "\"'[{":
        kind = _CAPITAL_FLAGS.get(value.split("#")[0].strip())
        instead = f"Write {name} = {kind}" if kind else f'Text needs quotes: {name} = "…"'
    elif name and message.startswith(("Illegal character", "Unterminated")):
        instead = "Close the quotes at the end of the line"
    elif line is None:
        instead = "Look for quotes or brackets that are opened and not closed"
    else:
        instead = 'A line is either [section] or key = value, with text in quotes, as key = "text"'
    return Problem(key=name, what=f"this is not TOML: {message}", instead=instead, line=line)


_CAPITAL_FLAGS = {"True": "true", "False": "false", "yes": "true", "no": "false"}
