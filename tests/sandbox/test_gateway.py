"""The gateway: going online, coming back with nothing lost, and being turned away."""

from __future__ import annotations

import asyncio

import aiohttp
import discord
import pytest
import yarl
from discord.gateway import DiscordWebSocket

from bot.sandbox import Intent, ManualClock, Sandbox
from bot.sandbox.wire import as_object
from tests.sandbox.bots import Running, SmallBot


async def test_the_bot_sees_guild_channels_and_threads(online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        guild = bot.guilds[0]
        assert guild.name == "Studio"
        assert {channel.name for channel in guild.text_channels} == {"general", "after-dark"}
        assert [thread.name for thread in guild.threads] == ["sketches"]
        assert guild.me.guild_permissions.attach_files
        assert [channel.name for channel in guild.text_channels if channel.nsfw] == ["after-dark"]


async def test_members_see_the_bot_come_and_go(sandbox: Sandbox, online: Running) -> None:
    alice = await sandbox.member("alice").connect()
    bot = SmallBot()
    async with online(bot):
        await alice.until(lambda: as_object(alice.state["bot"])["online"] is True)
        await bot.change_presence(status=discord.Status.idle, activity=discord.Game("chess"))
        await alice.until(lambda: as_object(alice.state["bot"])["status"] == "idle")
    await alice.until(lambda: as_object(alice.state["bot"])["online"] is False)


async def test_what_happens_while_the_connection_is_down_is_replayed(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()

    @bot.tree.command(description="Answer.")
    async def answer(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("answered")

    async with online(bot):
        alice = sandbox.member("alice")
        await alice.connect()
        sandbox.core.gateway.drop()
        use = await alice.slash("answer")
        assert (await use.answered()).content == "answered"
        await alice.until(lambda: bot.resumptions == 1)
        assert (sandbox.core.gateway.identified, sandbox.core.gateway.resumed) == (1, 1)


async def test_the_bot_resumes_when_asked_to_reconnect(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        waiting = asyncio.create_task(bot.wait_for("resumed", timeout=10))
        await asyncio.sleep(0)
        sandbox.core.gateway.reconnect()
        await waiting
        assert sandbox.core.gateway.identified == 1


async def test_an_invalid_session_makes_the_bot_identify_anew(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()
    async with online(bot):
        waiting = asyncio.create_task(bot.wait_for("ready", timeout=15))
        await asyncio.sleep(0)
        sandbox.core.gateway.invalidate()
        await waiting
        assert (sandbox.core.gateway.identified, sandbox.core.gateway.resumed) == (2, 0)


async def test_a_wrong_token_is_fatal(sandbox: Sandbox) -> None:
    bot = SmallBot()
    with pytest.raises(discord.LoginFailure):
        await bot.login("wrong")
    await bot.close()
    assert await _closing_code(sandbox, {"token": "wrong", "intents": 0}) == 4004


async def test_privileged_intents_need_to_be_granted(sandbox: Sandbox) -> None:
    intents = discord.Intents.default()
    intents.message_content = True
    bot = SmallBot(intents=intents)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        await bot.start(sandbox.token)
    await bot.close()


async def test_a_fatal_close_ends_the_client(sandbox: Sandbox) -> None:
    bot = SmallBot()
    running = asyncio.create_task(bot.start(sandbox.token))
    await asyncio.wait_for(_ready(bot), 15)
    sandbox.core.gateway.close(4014, "Disallowed intent(s).")
    with pytest.raises(discord.PrivilegedIntentsRequired):
        await running
    await bot.close()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"op": 2, "d": {"token": "%s", "intents": -1}}', 4013),
        ('{"op": 2, "d": {"token": "%s", "intents": 0, "shard": [2, 1]}}', 4010),
        ('{"op": 3, "d": {}}', 4003),
        ('{"op": 99, "d": {}}', 4001),
        ("not json", 4002),
        ('{"op": 1, "d": "' + "x" * 4096 + '"}', 4002),
    ],
)
async def test_wrong_frames_close_the_connection(sandbox: Sandbox, frame: str, code: int) -> None:
    text = frame % sandbox.token if "%s" in frame else frame
    async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.gateway_url) as ws:
        assert (await ws.receive_json())["op"] == 10
        await ws.send_str(text)
        while not ws.closed:
            await ws.receive()
        assert ws.close_code == code


async def test_too_many_frames_close_the_connection(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.gateway_url) as ws:
        for _ in range(121):
            await ws.send_str('{"op": 1, "d": null}')
        while not ws.closed:
            await ws.receive()
        assert ws.close_code == 4008


async def test_a_resume_of_an_unknown_session_is_invalid(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.gateway_url) as ws:
        await ws.receive_json()
        resume = {"token": sandbox.token, "session_id": "gone", "seq": 1}
        await ws.send_json({"op": 6, "d": resume})
        assert await ws.receive_json() == {"op": 9, "d": False}


async def test_a_silent_connection_is_closed_after_one_and_a_half_heartbeats() -> None:
    clock = ManualClock()
    async with (
        Sandbox(clock=clock, judge_heartbeats=True) as sandbox,
        aiohttp.ClientSession() as session,
        session.ws_connect(sandbox.gateway_url) as ws,
    ):
        await ws.receive_json()
        await ws.send_str('{"op": 1, "d": null}')
        assert await ws.receive_json() == {"op": 11}
        clock.advance(61)
        await ws.send_str('{"op": 1, "d": null}')
        assert await ws.receive_json() == {"op": 11}
        clock.advance(62)
        await ws.receive()
        assert ws.close_code == 4009


async def test_a_client_without_compression_is_served(
    online: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = DiscordWebSocket.from_client.__func__  # type: ignore[attr-defined]

    async def plain(
        cls: type[DiscordWebSocket], client: discord.Client, /, **options: object
    ) -> object:
        return await original(cls, client, **options | {"compress": False})

    monkeypatch.setattr(DiscordWebSocket, "from_client", classmethod(plain))
    async with online(SmallBot()) as bot:
        assert len(bot.guilds) == 1


async def test_an_automatically_sharded_client_comes_online(sandbox: Sandbox) -> None:
    class Sharded(discord.AutoShardedClient):
        async def before_identify_hook(
            self, shard_id: int | None, *, initial: bool = False
        ) -> None:
            pass

    bot = Sharded(intents=discord.Intents.default(), guild_ready_timeout=0.05)
    running = asyncio.create_task(bot.start(sandbox.token))
    await asyncio.wait_for(_ready(bot), 15)
    assert [guild.name for guild in bot.guilds] == ["Studio"]
    await bot.close()
    await asyncio.gather(running, return_exceptions=True)


async def test_leaving_a_guild_is_told(sandbox: Sandbox, online: Running) -> None:
    bot = SmallBot()
    async with online(bot):
        waiting = asyncio.create_task(bot.wait_for("guild_remove", timeout=10))
        await asyncio.sleep(0)
        sandbox.world.leave(sandbox.guild, sandbox.world.bot.id)
        assert (await waiting).name == "Studio"


@pytest.mark.parametrize("granted", [Intent.GUILD_MEMBERS])
async def test_members_come_with_the_guild_where_the_intent_is_granted(
    online: Running,
) -> None:
    intents = discord.Intents.default()
    intents.members = True
    async with online(SmallBot(intents=intents)) as bot:
        names = {member.name for member in bot.guilds[0].members}
        assert names == {"alice", "bob", "carol", "studio-bot"}


async def _ready(bot: discord.Client) -> None:
    # wait_until_ready refuses before login; the event itself can be waited for at any time.
    ready = asyncio.Event()

    async def on_ready() -> None:
        ready.set()

    bot.event(on_ready)
    await ready.wait()


async def _closing_code(sandbox: Sandbox, identify: dict[str, object]) -> int | None:
    url = yarl.URL(sandbox.gateway_url)
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        await ws.receive_json()
        await ws.send_json({"op": 2, "d": identify})
        await ws.receive()
        return ws.close_code
