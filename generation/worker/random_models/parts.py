"""What an architecture is written in: its parts, each a class and its arguments. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Config = Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A module or scheduler by the name of its class, and the arguments it is built with."""

    kind: str
    config: Config = field(default_factory=dict)
    tiny: Config = field(default_factory=dict)

    def arguments(self, *, is_tiny: bool) -> Config:
        """The arguments at the size that is wanted."""
        return {**self.config, **self.tiny} if is_tiny else self.config


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """A tokenizer that knows letters only, with the special tokens and the length of its kind."""

    kind: Literal["clip", "t5", "qwen2", "qwen2-vl", "gemma", "llama"]
    length: int
    padding: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Eyes:
    """What takes texts and pictures apart for Qwen 2.5 VL, with its tokenizer."""

    tokens: Tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """A pipeline's class, its parts, and further arguments. A part of None is left out."""

    pipeline: str
    parts: Mapping[str, Part | Tokens | Eyes | None]
    options: Config = field(default_factory=dict)
