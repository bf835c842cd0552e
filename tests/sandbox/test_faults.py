"""Trouble on request."""

from __future__ import annotations

import asyncio

import aiohttp
import discord
import pytest

from bot.sandbox import Fault, ManualClock, Sandbox
from bot.sandbox.wire import as_object
from tests.sandbox.bots import Running, SmallBot

SENDING = "/messages$"


def _channel(bot: SmallBot, sandbox: Sandbox) -> discord.TextChannel:
    channel = bot.get_channel(int(sandbox.channel("general").id))
    assert isinstance(channel, discord.TextChannel)
    return channel


async def _texts(sandbox: Sandbox) -> list[str]:
    return [item.text for item in await sandbox.member("bob").messages()]


async def test_a_lost_answer_was_applied_and_a_cut_was_not(
    sandbox: Sandbox, online: Running
) -> None:
    async with online(SmallBot()) as bot:
        channel = _channel(bot, sandbox)
        sandbox.fault(Fault(kind="lost_answer", method="POST", route=SENDING))
        with pytest.raises(aiohttp.ClientError):
            await channel.send("lost", nonce="1")
        sandbox.fault(Fault(kind="cut", method="POST", route=SENDING))
        with pytest.raises(aiohttp.ClientError):
            await channel.send("cut")
        await channel.send("lost", nonce="1")
        assert await _texts(sandbox) == ["lost"]


async def test_a_503_is_raised_at_once_on_channel_routes(sandbox: Sandbox, online: Running) -> None:
    async with online(SmallBot()) as bot:
        fault = sandbox.fault(Fault(kind="status", status=503, method="POST", route=SENDING))
        with pytest.raises(discord.DiscordServerError):
            await _channel(bot, sandbox).send("x")
        assert fault.hits == 1
        assert await _texts(sandbox) == []


async def test_a_429_with_via_is_waited_out_and_without_raised(
    sandbox: Sandbox, online: Running
) -> None:
    async with online(SmallBot()) as bot:
        channel = _channel(bot, sandbox)
        sandbox.fault(Fault(kind="rate_limit", retry_after=0.01, method="POST", route=SENDING))
        await channel.send("waited")
        sandbox.fault(Fault(kind="rate_limit", via=False, method="POST", route=SENDING))
        with pytest.raises(discord.HTTPException) as refusal:
            await channel.send("banned")
        assert refusal.value.status == 429
        assert await _texts(sandbox) == ["waited"]


async def test_any_error_of_discord_s_can_be_had_at_the_nth_request(
    sandbox: Sandbox, online: Running
) -> None:
    async with online(SmallBot()) as bot:
        channel = _channel(bot, sandbox)
        sandbox.fault(
            Fault(kind="api_error", status=403, code=50013, message="No.", route=SENDING, nth=2)
        )
        await channel.send("one")
        with pytest.raises(discord.Forbidden) as refusal:
            await channel.send("two")
        await channel.send("three")
        assert refusal.value.code == 50013
        assert await _texts(sandbox) == ["one", "three"]


async def test_a_held_request_goes_on_when_released(
    sandbox: Sandbox, online: Running, clock: ManualClock
) -> None:
    async with online(SmallBot()) as bot:
        channel = _channel(bot, sandbox)
        fault = sandbox.fault(Fault(kind="hold", method="POST", route=SENDING, seconds=5))
        sending = asyncio.create_task(channel.send("held"))
        await fault.reached.wait()
        assert await _texts(sandbox) == []
        clock.advance(5)
        assert (await sending).content == "held"


async def test_an_acknowledgement_held_past_three_seconds_is_too_late(
    sandbox: Sandbox, online: Running, clock: ManualClock
) -> None:
    bot = SmallBot()
    refused: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @bot.tree.command(description="Defer.")
    async def think(interaction: discord.Interaction) -> None:
        try:
            await interaction.response.defer()
        except discord.NotFound as error:
            refused.set_result(error.code)

    async with online(bot):
        fault = sandbox.fault(Fault(kind="hold", route="/callback$", seconds=4))
        use = await sandbox.member("alice").slash("think")
        await fault.reached.wait()
        clock.advance(4)
        assert await refused == 10062
        await use.failed()


async def test_faults_can_be_planned_over_http(sandbox: Sandbox, online: Running) -> None:
    url = f"{sandbox.page_url}sandbox/api/faults"
    general = sandbox.channel("general")
    async with aiohttp.ClientSession() as session, online(SmallBot()) as bot:
        channel = _channel(bot, sandbox)
        planned = {"kind": "status", "status": 503, "method": "POST", "route": SENDING}
        async with session.post(url, json=planned) as answer:
            assert answer.status == 200
        with pytest.raises(discord.DiscordServerError):
            await channel.send("x")
        denied = {"kind": "deny", "permissions": ["send_messages"], "channel_id": general.id}
        async with session.post(url, json=denied) as answer:
            assert answer.status == 200
        with pytest.raises(discord.Forbidden):
            await channel.send("x")
        async with session.post(url, json={"kind": "nonsense"}) as answer:
            assert answer.status == 400
            assert "nonsense" in str(as_object(await answer.json())["errors"])
