"""Who and what a sandbox begins with: its names, and what an empty channel says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.sandbox.wire import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A command that the page offers to fill in, under a label."""

    label: str
    command: str
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def to_wire(self) -> JsonObject:
        """Return it as the page's state has it."""
        return {"label": self.label, "command": self.command, "options": dict(self.options)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What an empty channel shows."""

    title: str
    text: str
    suggestions: tuple[Suggestion, ...] = ()

    def to_wire(self) -> JsonObject:
        """Return it as the page's state has it."""
        listed = [suggestion.to_wire() for suggestion in self.suggestions]
        return {"title": self.title, "text": self.text, "suggestions": listed}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The names of the world that a sandbox begins with. The first person owns the guild."""

    guild: str = "Studio"
    bot: str = "studio-bot"
    people: tuple[str, ...] = ("alice", "bob", "carol")
    channel: str = "general"
    age_restricted_channel: str = "after-dark"
    thread: str = "sketches"
    welcome: Welcome | None = None
