"""From the configuration's ``[[access]]`` to rules about groups of members."""

from __future__ import annotations

from bot.config import Config
from bot.permissions import OPERATOR, role_group, server_group
from generation.access import AccessRule


def access_rules(config: Config) -> tuple[AccessRule, ...]:
    """The operator's rules; those who run the bot may use every model."""
    return tuple(
        AccessRule(
            models=each.models,
            groups=frozenset(
                (
                    OPERATOR,
                    *(role_group(role) for role in each.roles),
                    *(server_group(server) for server in each.servers),
                )
            ),
        )
        for each in config.access
    )
