"""Takes typed values out of a table and notes every problem instead of stopping at the first."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from bot.config.lines import Path as KeyPath
from bot.config.problems import Problem
from bot.config.source import Source

SNOWFLAKE_MAX = 2**63 - 1

T = TypeVar("T")


class Section:
    """One table of the file. Each method takes a key; what is wrong with it is a problem.

    After a problem the method returns its default, so that reading goes on.
    """

    def __init__(
        self,
        source: Source,
        problems: list[Problem],
        table: Mapping[str, object],
        path: KeyPath = (),
    ) -> None:
        self._source = source
        self._problems = problems
        self._table = table
        self._path = path
        self._known: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._table or key in self._source.broken_keys

    def section(self, key: str) -> Section:
        """The table under ``key``; an empty one where it is absent."""
        table = self._take(key)
        if table is not None and not isinstance(table, dict):
            self.problem(key, f"this must be a section, not {describe(table)}", f"Write [{key}]")
            table = None
        return Section(self._source, self._problems, table or {}, (*self._path, key))

    def sections(self, key: str) -> tuple[Section, ...] | None:
        """The tables of the array under ``key``; None where it is absent."""
        tables = self._take(key)
        if tables is None:
            return None
        if not isinstance(tables, list) or not all(isinstance(item, dict) for item in tables):
            self.problem(key, "this must be a list of sections", f"Write [[{self._dotted(key)}]]")
            return None
        return tuple(
            Section(self._source, self._problems, table, (*self._path, key, index))
            for index, table in enumerate(tables)
        )

    def flag(self, key: str, *, default: bool) -> bool:
        """``true`` or ``false``."""
        value = self._take(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.problem(key, f"{describe(value)} is neither true nor false", f"Write {key} = true")
        return default

    def whole(self, key: str, *, default: int, lowest: int, highest: int) -> int:
        """A whole number from ``lowest`` to ``highest``."""
        value = self.optional_whole(key, lowest=lowest, highest=highest, example=default)
        return default if value is None else value

    def optional_whole(self, key: str, *, lowest: int, highest: int, example: int) -> int | None:
        """A whole number from ``lowest`` to ``highest``; None where it is absent."""
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
            return value
        self.problem(
            key,
            f"{describe(value)} is not possible here",
            f"Write a whole number from {lowest} to {highest}, such as {key} = {example}",
        )
        return None

    def number(self, key: str, *, default: float, lowest: float, highest: float) -> float:
        """A number from ``lowest`` to ``highest``, whole or not."""
        value = self.optional_number(key, lowest=lowest, highest=highest, example=default)
        return default if value is None else value

    def optional_number(
        self, key: str, *, lowest: float, highest: float, example: float
    ) -> float | None:
        """A number from ``lowest`` to ``highest``, whole or not; None where it is absent."""
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
            if math.isfinite(number) and lowest <= number <= highest:
                return number
        self.problem(
            key,
            f"{describe(value)} is not possible here",
            f"Write a number from {lowest:g} to {highest:g}, such as {key} = {example:g}",
        )
        return None

    def text(self, key: str, *, secret: bool = False) -> str | None:
        """Text that is not blank, without spaces around it; None where it is absent."""
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, str):
            self.problem(key, "this is empty", f'Write {key} = "…", or take the line out')
        else:
            shown = "this" if secret else describe(value)
            self.problem(key, f"{shown} is not text", f'Put it in quotes: {key} = "…"')
        return None

    def choice(self, key: str, options: Sequence[str], *, default: str | None) -> str | None:
        """One of ``options``."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, str) and value.lower() in options:
            return value.lower()
        self.problem(
            key,
            f"{describe(value)} is not one of the choices",
            f"Write {_guess(value, options)}{_listed(options)}",
        )
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, or a single one."""
        value = self._take(key)
        if value is None:
            return ()
        items = [value] if isinstance(value, str) else value
        if isinstance(items, list) and all(
            isinstance(item, str) and item.strip() for item in items
        ):
            return tuple(item.strip() for item in items)
        self.problem(key, f"{describe(value)} is not a list of texts", f'Write {key} = ["…"]')
        return ()

    def table(self, key: str) -> Mapping[str, object] | None:
        """A table that goes to an engine as it is; None where it is absent."""
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, dict) and _is_json(value):
            return value
        self.problem(
            key,
            f"{describe(value)} is not a table of texts, numbers, lists and tables",
            f'Write {key} = {{ name = "value" }}',
        )
        return None

    def texts_by_name(self, key: str) -> Mapping[str, str] | None:
        """A table of texts; None where it is absent."""
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
            return value
        self.problem(
            key,
            f"{describe(value)} is not a table of texts",
            f'Write {key} = {{ name = "value" }}',
        )
        return None

    def ids(self, key: str) -> tuple[int, ...]:
        """Discord ids, as numbers or as text."""
        value = self._take(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.problem(key, f"{describe(value)} is not a list", f"Write {key} = [{_ID}]")
            return ()
        ids = []
        for item in value:
            number = int(item) if isinstance(item, str) and item.strip().isdecimal() else item
            if isinstance(number, int) and 0 < number <= SNOWFLAKE_MAX:
                ids.append(number)
            else:
                self.problem(
                    key,
                    f"{describe(item)} is not a Discord id",
                    f"Ids are long numbers: {key} = [{_ID}]; Developer Mode's Copy ID gives them",
                )
        return tuple(dict.fromkeys(ids))

    def mapped(self, key: str, convert: Callable[[str], T], *, secret: bool = False) -> T | None:
        """The text under ``key``, converted.

        ``convert`` raises ``ValueError(what, instead)`` for a text that cannot be used.
        """
        value = self.text(key, secret=secret)
        if value is None:
            return None
        try:
            return convert(value)
        except ValueError as error:
            what, instead = error.args
            self.problem(key, what, instead)
            return None

    def problem(self, key: str, what: str, instead: str) -> None:
        """Note that something is wrong with ``key``; an absent key has its section's line."""
        line = self._source.lines.get((*self._path, key), self._source.lines.get(self._path))
        self._problems.append(Problem(key=self._dotted(key), what=what, instead=instead, line=line))

    @property
    def known(self) -> tuple[str, ...]:
        """The keys taken so far."""
        return tuple(self._known)

    def finish(self, elsewhere: Mapping[str, str]) -> None:
        """Note every key that nobody took. ``elsewhere`` maps keys to the sections they are in."""
        for key in self._table:
            if key in self._known:
                continue
            close = difflib.get_close_matches(key, self._known, n=1)
            far = difflib.get_close_matches(key, elsewhere, n=1)
            if close:
                instead = f"Perhaps you mean {close[0]}"
            elif far:
                instead = f"Perhaps you mean {far[0]} under {elsewhere[far[0]]}"
            else:
                instead = f"Known here: {_listed(self._known)}"
            self.problem(key, "there is no such key", instead)

    def _take(self, key: str) -> object:
        self._known.append(key)
        return self._table.get(key)

    def _dotted(self, key: str) -> str:
        parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in self._path]
        return "".join([*parts, f".{key}"]).removeprefix(".")


_ID = "123456789012345678"


def describe(value: object) -> str:
    """A value as its operator wrote it, cut short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list):
        return "a list"
    text = f'"{value}"' if isinstance(value, str) else f"{value}"
    return text if len(text) <= 60 else f"{text[:56]}…{text[-1]}"


def _is_json(value: object) -> bool:
    """TOML has dates and times as well, which JSON cannot carry."""
    if isinstance(value, dict):
        return all(_is_json(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_json(item) for item in value)
    return isinstance(value, str | int | bool) or (
        isinstance(value, float) and math.isfinite(value)
    )


def _guess(value: object, options: Collection[str]) -> str:
    close = difflib.get_close_matches(str(value).lower(), options, n=1)
    return f'"{close[0]}", or another of ' if close else "one of "


def _listed(options: Collection[str]) -> str:
    return ", ".join(options)
