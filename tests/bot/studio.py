"""A whole bot in a sandbox: real REST, real gateway, a backend that moves when told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import discord

from bot.client import ClientSettings, EaselClient, Sync
from bot.sandbox import Exchange, ManualClock, Member, Sandbox, SeenMessage, Use
from generation.backends.base import ModelInfo
from generation.backends.scripted import ScriptedBackend
from generation.blobs import Blobs
from generation.catalog import Catalog
from generation.dispatcher import Dispatcher, Rules
from generation.limits import Limits
from generation.queue import Queue
from generation.store import Store
from generation.types import Job, JobId, JobState, OwnerId


class StudioClock:
    """The sandbox's time, for the bot as well."""

    def __init__(self, manual: ManualClock) -> None:
        self._manual = manual

    def now(self) -> float:
        return self._manual.now()

    def monotonic(self) -> float:
        return self._manual.now()

    async def sleep(self, seconds: float) -> None:
        due = asyncio.Event()
        timer = self._manual.call_later(seconds, due.set)
        try:
            await due.wait()
        finally:
            timer.cancel()


class Studio:
    """The parts of a running bot, and ways to move it along."""

    def __init__(self, sandbox: Sandbox, time: ManualClock, data: Path) -> None:
        self.sandbox = sandbox
        self.time = time
        self.clock = StudioClock(time)
        self.data = data
        self.backend = ScriptedBackend(step_seconds=None, clock=self.clock, tools=())
        self.catalog = Catalog()
        self.exchanges: list[Exchange] = []
        sandbox.observers.append(self.exchanges.append)
        self.alice = sandbox.member("alice")  # owns the server
        self.bob = sandbox.member("bob")
        self.carol = sandbox.member("carol")

    async def start(self) -> None:
        self.store = await Store.open(f"sqlite:///{self.data / 'easel.db'}")
        self.queue = Queue(
            store=self.store,
            blobs=Blobs(self.data),
            clock=self.clock,
            defaults=Limits(),
            bound=100,
        )
        await self.catalog.refresh([self.backend])
        self.client = EaselClient(
            queue=self.queue,
            catalog=self.catalog,
            clock=self.clock,
            settings=ClientSettings(
                api_url=self.sandbox.api_url,
                gateway_url=self.sandbox.gateway_url,
                sync=Sync.GLOBAL,
            ),
        )
        self.dispatcher = Dispatcher(
            queue=self.queue,
            backends=[self.backend],
            audience=self.client.messenger,
            clock=self.clock,
            rules=Rules(job_seconds=6 * 3600.0),
        )
        self.tasks = [
            asyncio.create_task(self.client.start(self.sandbox.token), name="client"),
            asyncio.create_task(self.client.messenger.run(), name="messenger"),
            asyncio.create_task(self.dispatcher.run(), name="dispatcher"),
        ]
        await self.alice.wait_for_bot()

    async def offer(self, *models: ModelInfo) -> None:
        """Have the backend offer these models from now on, and the whole bot know it."""
        self.backend._models = models
        await self.catalog.refresh([self.backend])
        for lane in self.dispatcher._lanes:
            await lane.refresh()

    async def stop(self) -> None:
        # As the program does: an edit through the closed client would look like a crash.
        connection, *others = self.tasks
        await _end(others)
        await self.client.close()
        await _end([connection])
        await self.store.aclose()

    async def restart(self) -> None:
        """Stop as a killed process does, and start anew on the same data."""
        await self.stop()
        await self.start()

    async def until(self, fits: Callable[[], bool | Awaitable[bool]]) -> None:
        """Give way until that is so. For what nothing announces; a guard ends a hanging test."""
        async with asyncio.timeout(15):
            while True:
                answer = fits()
                if answer if isinstance(answer, bool) else await answer:
                    return
                await asyncio.sleep(0.005)

    async def pass_time_until(self, fits: Callable[[], bool | Awaitable[bool]]) -> None:
        """Like ``until``, with the clock running on by 5 seconds a turn."""

        async def advanced() -> bool:
            answer = fits()
            if answer if isinstance(answer, bool) else await answer:
                return True
            self.time.advance(5)
            return False

        await self.until(advanced)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass in small steps, with everything that is due in between."""
        end = self.time.now() + seconds
        while self.time.now() < end:
            self.time.advance(min(5.0, end - self.time.now()))
            for _ in range(20):
                await asyncio.sleep(0)

    async def reached(self, member: Member, state: JobState) -> bool:
        """Whether the member's only job is in that state."""
        return (await self.only_job(member)).state is state

    async def only_job(self, member: Member) -> Job:
        (job,) = await self.jobs(member)
        return job

    async def jobs(self, member: Member) -> list[Job]:
        return await self.queue.recent(OwnerId(member.id))

    def is_running(self, job_id: JobId) -> bool:
        return job_id in self.backend._steps

    async def finish(self, use: Use) -> SeenMessage:
        """Let the job of that answer run to its end, and return its result."""
        await use.message_where(lambda message: "Cancel" in message.button_labels)
        await self.until(lambda: bool(self.backend._steps))
        self.backend.advance(1000)
        return await use.message_where(is_result)

    async def imagine(
        self, member: Member, prompt: str = "a fox", **options: object
    ) -> SeenMessage:
        use = await member.slash("imagine", prompt=prompt, **options)  # type: ignore[arg-type]
        return await self.finish(use)

    async def show_button(self, custom_id: str) -> SeenMessage:
        """Have the bot post a button with that id, as an earlier version may have done."""
        await self.bob.connect()
        view = discord.ui.LayoutView(timeout=None)
        button = discord.ui.Button[discord.ui.LayoutView](label="Old", custom_id=custom_id)
        view.add_item(discord.ui.ActionRow(button))
        view.stop()
        channel = self.client.get_partial_messageable(int(self.sandbox.channel("general").id))
        message = await channel.send(view=view)
        return await self.bob.wait_for(lambda shown: shown.id == str(message.id))


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, discord.ClientException):
            await task


def is_result(message: SeenMessage) -> bool:
    return "Again" in message.button_labels


def is_unfinished(message: SeenMessage) -> bool:
    return "Cancel" in message.button_labels
