"""Which models are kept for some: rules by name, and the groups that a member belongs to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

Groups = frozenset[str]
"""What a member belongs to, in words that only the caller understands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessRule:
    """The models of these names are for members of any of these groups.

    In a name ``*`` stands for anything; large and small letters are the same.
    """

    models: tuple[str, ...]
    groups: Groups

    def names(self, model: str) -> bool:
        """Whether the rule is about that model."""
        return any(fnmatchcase(model.casefold(), each.casefold()) for each in self.models)


def is_open(model: str, groups: Collection[str], rules: Sequence[AccessRule]) -> bool:
    """Whether a member of these groups may use it: no rule is about it, or one lets them in."""
    about = [rule for rule in rules if rule.names(model)]
    return not about or any(not rule.groups.isdisjoint(groups) for rule in about)


def names_nothing(rules: Sequence[AccessRule], models: Collection[str]) -> tuple[str, ...]:
    """The names in rules that none of the models bears: most likely misspelt."""
    return tuple(
        name
        for rule in rules
        for name in rule.models
        if not any(fnmatchcase(model.casefold(), name.casefold()) for model in models)
    )
