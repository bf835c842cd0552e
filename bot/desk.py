"""What every command, button and form has at hand, reached through the client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import discord

from bot.delivery import Messenger
from bot.intake import Intake
from bot.permissions import groups_of
from bot.presses import Presses
from generation.catalog import Catalog
from generation.queue import Queue


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """The services behind the commands; ``operators`` may do what a server's admins may.

    ``rescan`` has the backends look for new models, and gives their problems.
    """

    intake: Intake
    queue: Queue
    catalog: Catalog
    presses: Presses
    messenger: Messenger
    operators: frozenset[int]
    rescan: Callable[[], Awaitable[tuple[str, ...]]]


class DeskClient(discord.Client):
    """A client with a desk."""

    desk: Desk


def desk_of(interaction: discord.Interaction) -> Desk:
    """The desk behind an interaction. discord.py's callbacks know their client's base class only.

    Raises ``TypeError`` for a client that is not ours.
    """
    client = interaction.client
    if not isinstance(client, DeskClient):
        raise TypeError("not our client")
    return client.desk


def catalog_for(interaction: discord.Interaction) -> Catalog:
    """The models that whoever acts may use, where they act."""
    desk = desk_of(interaction)
    groups = groups_of(interaction.user, interaction.guild_id, desk.operators)
    return desk.catalog.seen_by(groups)
