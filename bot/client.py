"""The Discord client: what it listens to, what it is given, and where its endpoints are."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import discord
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.cogs import mention
from bot.delivery import Messenger
from bot.desk import Desk, DeskClient
from bot.intake import Intake, scope_of
from bot.presses import Presses
from bot.refusals import Refusals
from bot.tree import EaselTree
from bot.uploads import Fetcher
from bot.views.buttons import BUTTONS
from generation.catalog import Catalog
from generation.clock import Clock
from generation.errors import GenerationError
from generation.queue import Queue

_LOG = logging.getLogger(__name__)

RATE_LIMIT_SECONDS: Final = 60.0
"""A rate limit longer than this is raised instead of waited for."""

CONNECT_SECONDS: Final = 5.0
"""The pause before the next try when the gateway could not be reached at a start."""


class Sync(StrEnum):
    """What happens to the commands at a start."""

    NEVER = "never"
    GLOBAL = "global"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientSettings:
    """How the client behaves.

    ``api_url`` (with its version, as ``https://…/api/v10``) and ``gateway_url`` replace Discord's
    own; None leaves them. ``sync`` says whether the commands are sent to Discord at a start.
    ``operators`` are the users who may administrate everywhere. ``patience`` is how many seconds a
    job may wait.
    """

    api_url: str | None = None
    gateway_url: str | None = None
    sync: Sync = Sync.GLOBAL
    operators: frozenset[int] = frozenset()
    patience: float = 2 * 3600.0


async def _nothing_new() -> tuple[str, ...]:
    return ()


class EaselClient(DeskClient):
    """The bot on Discord. Needs no privileged intent.

    ``start`` raises ``discord.LoginFailure`` for a refused token and ``discord.ConnectionClosed``
    or ``discord.PrivilegedIntentsRequired`` for a connection that cannot be resumed: none of
    them goes away by trying again. ``messenger`` is the audience for the dispatcher. ``rescan``
    has the backends look for new models.
    """

    def __init__(
        self,
        *,
        queue: Queue,
        catalog: Catalog,
        clock: Clock,
        settings: ClientSettings,
        rescan: Callable[[], Awaitable[tuple[str, ...]]] = _nothing_new,
    ) -> None:
        _point_at(settings)
        intents = discord.Intents.none()
        intents.guilds = True
        intents.guild_messages = True
        intents.dm_messages = True
        self.refusals = Refusals(clock)
        super().__init__(
            intents=intents,
            http_trace=self.refusals.trace(),
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=RATE_LIMIT_SECONDS,
            assume_unsync_clock=True,
            max_messages=None,
            chunk_guilds_at_startup=False,
            # Nothing here needs every server to be known before the first command.
            guild_ready_timeout=0.25,
            member_cache_flags=discord.MemberCacheFlags.none(),
        )
        self.settings = settings
        self._clock = clock
        self.tree = EaselTree(self)
        self.messenger = Messenger(
            client=self, queue=queue, catalog=catalog, clock=clock, refusals=self.refusals
        )
        self._fetcher = Fetcher(home=settings.api_url)
        self.desk = Desk(
            intake=Intake(
                queue=queue,
                catalog=catalog,
                clock=clock,
                board=self.messenger.board,
                fetcher=self._fetcher,
                patience=settings.patience,
                operators=settings.operators,
            ),
            queue=queue,
            catalog=catalog,
            presses=Presses(clock),
            messenger=self.messenger,
            operators=settings.operators,
            rescan=rescan,
        )

    async def setup_hook(self) -> None:
        """Register the buttons, and send the commands if the settings say so."""
        _LOG.info("logged_in user=%s", self.user and self.user.id)
        self.add_dynamic_items(*BUTTONS)
        if self.settings.sync is not Sync.NEVER:
            await self.sync_commands()

    async def sync_commands(self) -> int:
        """Send all commands to Discord, replacing what is there; returns how many there are.

        Sending what Discord has already costs nothing of the daily allowance.
        """
        commands = await self.tree.sync()
        _LOG.info("commands_synced count=%d", len(commands))
        return len(commands)

    async def connect(self, *, reconnect: bool = True) -> None:
        """Stay connected until closed; see ``discord.Client.connect``.

        discord.py 2.7 survives every lost connection but a failed first one: it then fails to
        resume a session that never was.
        """
        while not self.is_closed():
            try:
                await super().connect(reconnect=reconnect)
            except AttributeError:
                if getattr(self, "ws", None) is not None:
                    raise
                _LOG.warning("gateway_unreachable")
                await self._clock.sleep(CONNECT_SECONDS)
            else:
                return

    async def on_message(self, message: discord.Message) -> None:
        """Answer messages that name the bot."""
        if self.user is None:
            return
        prompt = mention.mentioned_prompt(message, self.user.id)
        if prompt is not None:
            await mention.draw_for(message, prompt, desk=self.desk)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Draw nothing more for a server that the bot was removed from."""
        try:
            await self.desk.queue.abandon(scope_of(guild.id, 0))
        except GenerationError as error:
            _LOG.warning("server_not_abandoned guild=%s code=%s", guild.id, error.code)

    async def close(self) -> None:
        """Disconnect. Safe to call twice."""
        await self._fetcher.aclose()
        await super().close()


def _point_at(settings: ClientSettings) -> None:
    """Set discord.py's endpoints. It keeps them in classes, so this holds for the process."""
    if settings.api_url is not None:
        Route.BASE = settings.api_url.rstrip("/")
    if settings.gateway_url is not None:
        DiscordWebSocket.DEFAULT_GATEWAY = URL(settings.gateway_url)
