"""The composition root: builds the parts from the configuration, runs and stops them."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from urllib.parse import urlsplit

import discord

from bot.access import access_rules
from bot.backends import build_backends, cards_for, rescan, weights
from bot.client import ClientSettings, EaselClient, Sync
from bot.config import Config
from bot.invite import invite_link
from bot.lock import DataDirectoryLock
from bot.watchdog import loop_watchdog
from generation.access import names_nothing
from generation.backends.base import Backend
from generation.blobs import Blobs
from generation.catalog import Catalog
from generation.clock import Clock, SystemClock
from generation.dispatcher import Dispatcher, Rules
from generation.errors import StorageError, Unavailable
from generation.queue import Queue
from generation.store import Store

CATALOG_SECONDS = 30.0
TIDY_SECONDS = 6 * 3600.0
STRAY_SECONDS = 3600.0
"""A picture that no job refers to may belong to one that is just being accepted."""
DAY_SECONDS = 86_400.0
MIB = 1024 * 1024
CONNECT_SECONDS = 10.0
MODEL_SECONDS = 60.0
LONGEST_PAUSE = 60.0

_LOG = logging.getLogger(__name__)


async def serve(
    config: Config,
    *,
    stop: asyncio.Event,
    ready: asyncio.Event | None = None,
    patient: bool = True,
) -> int:
    """Run the bot until ``stop`` is set, then end in order and return 0.

    ``ready`` is set once Discord has welcomed the bot and a model can draw. A bot that is not
    ``patient`` gives up where it would otherwise wait for a backend to come. Raises whatever
    ends the bot early; ``bot.endings`` says what each of them means.
    """
    async with AsyncExitStack() as stack:
        lock = DataDirectoryLock(config.data.directory)
        await asyncio.to_thread(lock.acquire)
        stack.callback(lock.release)
        stack.enter_context(loop_watchdog(asyncio.get_running_loop()))
        app = await App.build(config, stack)
        await app.run(stop, ready or asyncio.Event(), patient=patient)
    _LOG.info("stopped")
    return 0


class App:
    """The parts, and the one task group that they run in."""

    def __init__(
        self,
        *,
        config: Config,
        clock: Clock,
        queue: Queue,
        backends: Sequence[Backend],
        catalog: Catalog,
        client: EaselClient,
        dispatcher: Dispatcher,
    ) -> None:
        self._config = config
        self._clock = clock
        self._queue = queue
        self._backends = backends
        self._catalog = catalog
        self._client = client
        self._dispatcher = dispatcher
        self._logged_in = asyncio.Event()
        self._catalog_asked = asyncio.Event()
        self._has_models = asyncio.Event()
        self._is_stopping = False

    @classmethod
    async def build(cls, config: Config, stack: AsyncExitStack) -> App:
        """Open and connect the parts; ``stack`` closes them, the last one opened first."""
        clock = SystemClock()
        store = await Store.open(config.data.database.reveal())
        stack.push_async_callback(store.aclose)
        queue = Queue(
            store=store,
            blobs=Blobs(config.data.directory, reserve=config.data.reserve_mib * MIB),
            clock=clock,
            defaults=config.limits,
            bound=config.queue.bound,
        )
        cards = await cards_for(config)
        backends = build_backends(config, cards)
        for backend in backends:
            stack.push_async_callback(backend.aclose)
        catalog = Catalog(rules=access_rules(config), preferred=config.default_model)
        # Easel joins no voice channel: what that needs is not missing.
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        client = EaselClient(
            queue=queue,
            catalog=catalog,
            clock=clock,
            settings=_client_settings(config),
            rescan=functools.partial(rescan, backends, catalog),
        )
        stack.push_async_callback(client.close)
        dispatcher = Dispatcher(
            queue=queue,
            backends=backends,
            audience=client.messenger,
            clock=clock,
            rules=Rules(job_seconds=config.queue.job_seconds),
            weights=weights(config, cards),
        )
        return cls(
            config=config,
            clock=clock,
            queue=queue,
            backends=backends,
            catalog=catalog,
            client=client,
            dispatcher=dispatcher,
        )

    async def run(self, stop: asyncio.Event, ready: asyncio.Event, *, patient: bool) -> None:
        """Run everything until ``stop``; a part that fails ends the whole."""
        async with asyncio.TaskGroup() as group:
            progress = group.create_task(self._client.messenger.run(), name="progress")
            tasks = [
                group.create_task(self._dispatcher.run(), name="dispatcher"),
                group.create_task(self._keep_catalog(patient=patient), name="catalog"),
                group.create_task(self._keep_days(), name="keep-days"),
                group.create_task(self._stay_connected(), name="discord"),
                group.create_task(self._announce(ready), name="announce"),
            ]
            await stop.wait()
            await self._stop(progress)
            for task in tasks:
                task.cancel()

    async def _stop(self, progress: asyncio.Task[None]) -> None:
        """Start no more jobs, show the running ones' endings, leave Discord; the stack goes on.

        What members ask for meanwhile is refused with a sentence. What waits is drawn after the
        next start.
        """
        self._is_stopping = True
        self._queue.close()
        _LOG.info("stopping grace=%s", self._config.queue.stop_grace)
        await self._dispatcher.stop(self._config.queue.stop_grace)
        # An edit through the closed client would look like a crash.
        progress.cancel()
        await asyncio.wait([progress])
        await self._client.close()

    async def _keep_catalog(self, *, patient: bool) -> None:
        """Ask the backends what they offer, now and then again: they may come and go."""
        while True:
            await self._catalog.refresh(self._backends)
            self._catalog_asked.set()
            if self._catalog.models and not self._has_models.is_set():
                _LOG.info("models names=%s", ",".join(self._catalog.names))
                for name in names_nothing(access_rules(self._config), self._catalog.names):
                    _LOG.warning("access_names_no_model name=%s", name)
                self._has_models.set()
            elif not patient and not self._catalog.models:
                raise await self._why_no_models()
            await self._clock.sleep(CATALOG_SECONDS)

    async def _keep_days(self) -> None:
        """Forget what is older than the operator wants to keep, now and a few times a day."""
        while True:
            now = self._clock.now()
            try:
                await self._queue.forget_ended_before(
                    now - self._config.data.keep_days * DAY_SECONDS
                )
                await self._queue.drop_strays(now - STRAY_SECONDS)
            except StorageError as error:
                _LOG.warning("not_tidied detail=%s", error.detail)
            await self._clock.sleep(TIDY_SECONDS)

    async def _why_no_models(self) -> Unavailable:
        reports = [(backend.name, await backend.health()) for backend in self._backends]
        detail = "; ".join(f"{name}: {health.problem or 'no models'}" for name, health in reports)
        return Unavailable("No model could be started.", detail=detail)

    async def _stay_connected(self) -> None:
        """Log in and stay; discord.py itself comes back after whatever can be resumed."""
        discord_config = self._config.discord
        # A bot that is online can draw: else the first wishes after a start would be refused.
        # One whose backend does not come goes online all the same, and says so to who asks.
        with suppress(TimeoutError):
            async with asyncio.timeout(MODEL_SECONDS):
                await self._catalog_asked.wait()
        await _until_reachable(discord_config.api_url, self._clock)
        await self._client.login(discord_config.token.reveal())
        for guild_id in discord_config.sync_guilds if discord_config.sync_commands else ():
            guild = discord.Object(guild_id)
            self._client.tree.copy_global_to(guild=guild)
            await self._client.tree.sync(guild=guild)
            _LOG.info("commands_synced guild=%s", guild_id)
        self._logged_in.set()
        await self._client.connect()
        if not self._is_stopping:
            raise ConnectionError("The connection to Discord has ended.")

    async def _announce(self, ready: asyncio.Event) -> None:
        await self._logged_in.wait()
        await self._client.wait_until_ready()
        _LOG.info("invite link=%s", invite_link(str(self._client.application_id)))
        await self._has_models.wait()
        ready.set()


def _client_settings(config: Config) -> ClientSettings:
    settings = config.discord
    # Commands sent to a server as well as to everyone would show twice there.
    everywhere = settings.sync_commands and not settings.sync_guilds
    return ClientSettings(
        api_url=settings.api_url,
        gateway_url=settings.gateway_url,
        sync=Sync.GLOBAL if everywhere else Sync.NEVER,
        operators=frozenset(settings.owners),
        patience=config.queue.wait_seconds,
    )


async def _until_reachable(api_url: str, clock: Clock) -> None:
    """Wait for the network: at a machine's start it may come later than the bot."""
    address = urlsplit(api_url)
    port = address.port or {"http": 80, "https": 443}[address.scheme]
    pause = 1.0
    while True:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(address.hostname, port)
        except (OSError, TimeoutError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            _LOG.warning(
                "discord_unreachable host=%s port=%s reason=%s again_in=%g",
                address.hostname,
                port,
                reason or type(error).__name__,
                pause,
            )
        else:
            writer.close()
            return
        await clock.sleep(pause)
        pause = min(LONGEST_PAUSE, 2 * pause)
