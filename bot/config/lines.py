"""Finds the line of every key in a TOML text that ``tomllib`` has already accepted."""

from __future__ import annotations

import re
from collections.abc import Mapping

Path = tuple[str | int, ...]
"""Keys, and positions in arrays: ``("backends", 0, "name")``."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]+")
_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")
_SCALAR = re.compile(r"[^\s,\]}#][^,\]}#\n]*")
_LONG_STRING = {'"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL), "'''": None}
_STRING = {
    '"': re.compile(r'"((?:[^"\\\n]|\\.)*)"'),
    "'": re.compile(r"'([^'\n]*)'"),
}


def key_lines(text: str) -> Mapping[Path, int]:
    """The line, from 1, of each table and key. The text must be valid TOML."""
    return _Scanner(text).scan()


class _Scanner:
    """Walks the text once. It trusts the syntax, so every branch has only one way to go."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._array_sizes: dict[Path, int] = {}

    def scan(self) -> Mapping[Path, int]:
        table: Path = ()
        self._skip(_GAP)
        while self._at < len(self._text):
            if self._peek("["):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_GAP)
        return self._lines

    def _header(self) -> Path:
        """Read ``[a.b]`` or ``[[a.b]]``; the latter opens the next element of an array."""
        line = self._line()
        is_array = self._peek("[[")
        self._at += 2 if is_array else 1
        names = self._key()
        self._at += 2 if is_array else 1
        table = self._resolve(names[:-1])
        table = (*table, names[-1])
        if is_array:
            self._lines.setdefault(table, line)
            index = self._array_sizes.get(table, 0)
            self._array_sizes[table] = index + 1
            table = (*table, index)
        else:
            table = self._last_element(table)
        self._lines[table] = line
        return table

    def _resolve(self, names: tuple[str, ...]) -> Path:
        """The path of a table's parents, where an array's name means its last element."""
        path: Path = ()
        for name in names:
            path = self._last_element((*path, name))
        return path

    def _last_element(self, path: Path) -> Path:
        size = self._array_sizes.get(path)
        return path if size is None else (*path, size - 1)

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table
        for name in self._key():
            path = (*path, name)
            self._lines.setdefault(path, line)
        self._at = self._text.index("=", self._at) + 1
        self._skip(_BLANK)
        self._value(path)

    def _key(self) -> tuple[str, ...]:
        names = []
        while True:
            self._skip(_BLANK)
            names.append(self._name())
            self._skip(_BLANK)
            if not self._peek("."):
                return tuple(names)
            self._at += 1

    def _name(self) -> str:
        match = (_STRING.get(self._text[self._at]) or _BARE).match(self._text, self._at)
        if match is None:
            raise ValueError(f"not valid TOML at line {self._line()}")
        self._at = match.end()
        return match[match.lastindex or 0]

    def _value(self, path: Path) -> None:
        if self._peek("["):
            self._array(path)
        elif self._peek("{"):
            self._inline_table(path)
        elif self._peek('"""') or self._peek("'''"):
            self._long_string()
        else:
            pattern = _STRING.get(self._text[self._at]) or _SCALAR
            self._skip(pattern)

    def _long_string(self) -> None:
        quote = self._text[self._at : self._at + 3]
        self._at += 3
        pattern = _LONG_STRING[quote]
        if pattern is not None:
            self._skip(pattern)
            return
        self._at = self._text.index(quote, self._at) + 3
        while self._peek("'"):
            self._at += 1

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        self._skip(_GAP)
        while not self._peek("]"):
            self._lines[(*path, index)] = self._line()
            self._value((*path, index))
            index += 1
            self._skip(_GAP)
            if self._peek(","):
                self._at += 1
                self._skip(_GAP)
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        self._skip(_GAP)
        while not self._peek("}"):
            self._pair(path)
            self._skip(_GAP)
            if self._peek(","):
                self._at += 1
                self._skip(_GAP)
        self._at += 1

    def _peek(self, expected: str) -> bool:
        return self._text.startswith(expected, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1
