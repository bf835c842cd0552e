from __future__ import annotations

import asyncio
from collections.abc import Callable

import discord
import pytest
from discord.gateway import DiscordWebSocket
from yarl import URL

from bot.client import ClientSettings, EaselClient, Sync
from bot.sandbox.wire import JsonObject
from tests.bot.studio import Studio, is_result, is_unfinished


def another_client(studio: Studio, **settings: str) -> EaselClient:
    return EaselClient(
        queue=studio.queue,
        catalog=studio.catalog,
        clock=studio.clock,
        settings=ClientSettings(sync=Sync.NEVER, **settings),  # type: ignore[arg-type]
    )


async def test_a_refused_token_ends_the_start(studio: Studio) -> None:
    async with another_client(studio) as client:
        with pytest.raises(discord.LoginFailure):
            await client.start("not.a.token")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(4004, discord.ConnectionClosed), (4014, discord.PrivilegedIntentsRequired)],
)
async def test_a_connection_that_cannot_be_resumed_ends_the_client(
    studio: Studio, code: int, kind: type[Exception]
) -> None:
    studio.sandbox.core.gateway.close(code)
    with pytest.raises(kind):
        await asyncio.wait_for(studio.tasks[0], 15)


async def test_work_goes_on_and_results_arrive_while_the_connection_is_cut(
    studio: Studio,
) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox")
    await use.message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    studio.sandbox.core.gateway.drop()
    studio.backend.advance(1000)
    assert (await use.message_where(is_result)).pictures


async def test_a_first_connection_that_fails_is_tried_again(
    studio: Studio, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = f"ws://127.0.0.1:{unused_tcp_port}/"
    async with another_client(studio, gateway_url=nowhere) as client:
        task = asyncio.create_task(client.start(studio.sandbox.token), name="client")
        await studio.until(lambda: "gateway_unreachable" in caplog.text)
        DiscordWebSocket.DEFAULT_GATEWAY = URL(studio.sandbox.gateway_url)
        await studio.pass_time_until(lambda: bool(client.guilds))
        await client.close()
        await task


async def test_an_event_that_arrives_twice_makes_one_job(studio: Studio) -> None:
    parsers = studio.client._connection.parsers
    parse: Callable[[JsonObject], None] = parsers["INTERACTION_CREATE"]

    def twice(data: JsonObject) -> None:
        parse(data)
        parse(data)

    parsers["INTERACTION_CREATE"] = twice
    use = await studio.alice.slash("imagine", prompt="a fox")
    result = await studio.finish(use)
    assert len(await studio.jobs(studio.alice)) == 1
    assert [message.id for message in await studio.alice.messages()] == [result.id]


async def test_the_bot_asks_for_no_privileged_intent(studio: Studio) -> None:
    intents = studio.client.intents
    assert (
        not intents.value
        & discord.Intents(message_content=True, members=True, presences=True).value
    )


async def test_commands_are_offered_in_servers_and_private_messages(studio: Studio) -> None:
    everywhere = {"imagine", "inpaint", "outpaint", "control", "edit", "blend", "upscale"}
    everywhere |= {"cutout", "describe", "queue", "jobs", "models", "help", "Describe"}
    everywhere |= {"Reimagine…", "Edit…", "Use these settings"}
    assert {str(item["name"]) for item in await studio.bob.commands("dm")} == everywhere
    assert {str(item["name"]) for item in await studio.bob.commands("general")} == {
        *everywhere,
        "limits",
    }


async def test_mentions_are_off_unless_a_message_turns_its_owners_on(studio: Studio) -> None:
    allowed = studio.client.allowed_mentions
    assert allowed is not None
    assert (allowed.everyone, allowed.roles, allowed.users) == (False, False, False)
