"""What is wrong with a configuration, said so that its operator can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing to mend. ``key`` is dotted (``queue.bound``); ``instead`` is what to write."""

    key: str
    what: str
    instead: str
    line: int | None = None

    def sentence(self, path: Path) -> str:
        """``config.toml:12: queue.bound: … Write …``, without any secret value."""
        where = f"{path}:{self.line}" if self.line else f"{path}"
        subject = f" {self.key}:" if self.key else ""
        return f"{where}:{subject} {self.what}. {self.instead}."


class ConfigError(Exception):
    """The configuration cannot be used. ``problems`` holds every reason, in file order."""

    def __init__(self, path: Path, problems: Iterable[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(problem.sentence(path) for problem in self.problems))
