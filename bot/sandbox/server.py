"""The sandbox itself: one loopback server with REST, gateway, CDN and page."""

from __future__ import annotations

import secrets
from types import TracebackType
from typing import Self

from aiohttp import web

from bot.sandbox.cast import Cast
from bot.sandbox.client import Member
from bot.sandbox.clock import Clock, ManualClock, SystemClock
from bot.sandbox.core import build_core
from bot.sandbox.driver import Driver
from bot.sandbox.events import Bus
from bot.sandbox.faults import Fault
from bot.sandbox.guild import Channel, Guild
from bot.sandbox.intents import NO_INTENTS, Intent
from bot.sandbox.permissions import Permission, named
from bot.sandbox.rest import API_PREFIX, REQUEST_LIMIT, Observer, RestApi
from bot.sandbox.rest_application import ApplicationRoutes
from bot.sandbox.rest_channels import ChannelRoutes
from bot.sandbox.rest_guilds import GuildRoutes
from bot.sandbox.rest_interactions import InteractionRoutes
from bot.sandbox.rest_messages import MessageRoutes
from bot.sandbox.world import World

_HOST = "127.0.0.1"
# More than Discord takes is still read, so that the client hears the refusal.
_READ_LIMIT = 4 * REQUEST_LIMIT


class Sandbox:
    """A Discord on loopback; use it as an async context manager.

    `port` 0 takes a free port. `granted_intents` are the privileged intents switched on for the
    application; asking for others closes the gateway with 4014. `judge_heartbeats` closes with
    4009 a connection that does not beat; by default on a real clock only, since a manual clock
    runs ahead of the client's.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        clock: Clock | None = None,
        cast: Cast | None = None,
        token: str | None = None,
        granted_intents: Intent = NO_INTENTS,
        judge_heartbeats: bool | None = None,
    ) -> None:
        self.clock: Clock = SystemClock() if clock is None else clock
        self.cast = Cast() if cast is None else cast
        self.token = token or f"sandbox.{secrets.token_urlsafe(24)}"
        if judge_heartbeats is None:
            judge_heartbeats = not isinstance(self.clock, ManualClock)
        self.world = World(self.clock, Bus(), bot_name=self.cast.bot)
        self.guild = _populate(self.world, self.cast)
        if self.cast.welcome is not None:
            self.world.welcome = self.cast.welcome.to_wire()
        self.core = build_core(
            self.world,
            token=self.token,
            granted=granted_intents,
            judge_heartbeats=judge_heartbeats,
        )
        self.rest = RestApi(self.token, self.core.faults, self.clock.now)
        self._driver = Driver(self.core)
        self._port = port
        self._runner: web.AppRunner | None = None
        self._members: dict[str, Member] = {}

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_READ_LIMIT)
        self._driver.install(app)
        app.router.add_route("GET", "/gateway", self.core.gateway.handle)
        app.router.add_route("GET", "/gateway/", self.core.gateway.handle)
        for group in (
            ApplicationRoutes(self.core),
            InteractionRoutes(self.core),
            MessageRoutes(self.core),
            ChannelRoutes(self.core),
            GuildRoutes(self.core),
        ):
            self.rest.install(app, group.routes())
        self.rest.install_unknown(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, _HOST, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.core.cdn.base = self.cdn_url
        self.core.gateway.url = self.gateway_url
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for member in self._members.values():
            await member.close()
        self.core.faults.clear()
        self.core.gateway.drop()
        if self._runner is not None:
            await self._runner.cleanup()

    # -- where it is ---------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def page_url(self) -> str:
        """The page, for a browser."""
        return f"http://{_HOST}:{self._port}/"

    @property
    def api_url(self) -> str:
        """What takes the place of `https://discord.com/api/v10`."""
        return f"http://{_HOST}:{self._port}{API_PREFIX}"

    @property
    def gateway_url(self) -> str:
        """What takes the place of `wss://gateway.discord.gg/`."""
        return f"ws://{_HOST}:{self._port}/gateway/"

    @property
    def cdn_url(self) -> str:
        """What takes the place of `https://cdn.discordapp.com`."""
        return f"http://{_HOST}:{self._port}"

    # -- who acts ------------------------------------------------------------------------------

    def member(self, name: str) -> Member:
        """Return the person of that user name, ready to act; raises `KeyError`."""
        if name not in self._members:
            user = self.world.user_named(name)
            self._members[name] = Member(self.page_url, user.id, name)
        return self._members[name]

    def channel(self, name: str) -> Channel:
        """Return the guild's channel or thread of that name; raises `KeyError`."""
        return self.world.channel_named(name)

    # -- trouble -------------------------------------------------------------------------------

    @property
    def observers(self) -> list[Observer]:
        """Functions called with every exchange of the bot over REST."""
        return self.rest.observers

    def fault(self, fault: Fault) -> Fault:
        """Plan trouble for requests to come."""
        return self.core.faults.plan(fault)

    def deny(self, channel: str, *permissions: str) -> None:
        """Take rights from the bot in a channel, by names such as `attach_files`."""
        bits = named(list(permissions))
        self.world.overwrite(self.channel(channel), self.world.bot.id, deny=bits)

    def allow(self, channel: str, *permissions: str) -> None:
        """Give the bot rights in a channel."""
        bits = named(list(permissions))
        self.world.overwrite(self.channel(channel), self.world.bot.id, allow=bits)

    def delete_channel(self, name: str) -> None:
        """Delete a channel or thread."""
        self.world.delete_channel(self.channel(name))


def _populate(world: World, cast: Cast) -> Guild:
    people = [world.add_user(name, display_name=name.title()) for name in cast.people]
    owner = people[0]
    world.application_owner_id = owner.id
    guild = world.add_guild(cast.guild, owner.id)
    admin = world.add_role(guild, "Admin", Permission.ADMINISTRATOR)
    world.give_role(guild, owner.id, admin.id)
    for person in people[1:]:
        world.join(guild, person.id)
    general = world.add_channel(guild, cast.channel)
    world.add_channel(guild, cast.age_restricted_channel, nsfw=True)
    thread = world.add_thread(general, cast.thread, owner.id)
    thread.thread_members |= {item.id: world.clock.now() for item in (*people, world.bot)}
    for person in people:
        world.dm_with_bot(person.id)
    return guild
