"""Small discord.py clients for the sandbox's own tests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import discord
from discord import app_commands


class SmallBot(discord.Client):
    """A client with a command tree that goes online without discord.py's usual pauses."""

    def __init__(self, *, intents: discord.Intents | None = None) -> None:
        super().__init__(
            intents=discord.Intents.default() if intents is None else intents,
            guild_ready_timeout=0.05,
            allowed_mentions=None,
        )
        self.tree = app_commands.CommandTree(self)
        self.errors: list[BaseException] = []
        self.resumptions = 0
        self.received: list[discord.Message] = []
        self.tree.error(self._keep_error)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Go on at once: the sandbox has no limit of one IDENTIFY in five seconds."""

    async def on_resumed(self) -> None:
        self.resumptions += 1

    async def on_message(self, message: discord.Message) -> None:
        self.received.append(message)

    async def _keep_error(
        self,
        interaction: discord.Interaction[discord.Client],
        error: app_commands.AppCommandError,
    ) -> None:
        del interaction
        self.errors.append(getattr(error, "original", error))


Running: TypeAlias = Callable[[SmallBot], AbstractAsyncContextManager[SmallBot]]
