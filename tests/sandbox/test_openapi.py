"""The conformance judge itself: that it judges, and what it says."""

from __future__ import annotations

import dataclasses

import discord
import pytest

from bot.sandbox import Exchange, Sandbox
from bot.sandbox.wire import JsonObject, as_object
from tests.sandbox.bots import Running, SmallBot
from tests.sandbox.openapi import Conformance


@pytest.fixture
def judge(conformance: Conformance | None) -> Conformance:
    if conformance is None:
        pytest.skip("Discord's OpenAPI document is absent; set EASEL_DISCORD_OPENAPI to its path")
    return conformance


async def _message_exchange(sandbox: Sandbox, online: Running) -> Exchange:
    bot = SmallBot()
    async with online(bot):
        channel = bot.get_channel(int(sandbox.channel("general").id))
        assert isinstance(channel, discord.TextChannel)
        await channel.send("hello")
    return sandbox.rest.log[-1]


async def test_a_bot_s_session_is_judged(
    judge: Conformance, sandbox: Sandbox, online: Running
) -> None:
    before = judge.judged
    await _message_exchange(sandbox, online)
    assert judge.judged - before == len(sandbox.rest.log) >= 3


async def test_a_wrong_request_is_named_with_its_field(
    judge: Conformance, sandbox: Sandbox, online: Running
) -> None:
    exchange = await _message_exchange(sandbox, online)
    judge(dataclasses.replace(exchange, body={"embeds": [{"title": 5}]}))
    assert len(judge.faults) == 1
    assert "request: embeds.0.title: 5 is not of type" in judge.faults.pop()


async def test_a_wrong_answer_is_named_with_its_field(
    judge: Conformance, sandbox: Sandbox, online: Running
) -> None:
    exchange = await _message_exchange(sandbox, online)
    judge(dataclasses.replace(exchange, answer=as_object(exchange.answer) | {"id": 5}))
    assert len(judge.faults) == 1
    assert "answer 200: id: 5 is not of type 'string'" in judge.faults.pop()


async def test_a_wrong_component_is_explained_by_the_branch_of_its_type(
    judge: Conformance, sandbox: Sandbox, online: Running
) -> None:
    exchange = await _message_exchange(sandbox, online)
    button: JsonObject = {"type": 2, "style": 99, "custom_id": "x", "label": "x"}
    row: JsonObject = {"type": 1, "components": [button]}
    judge(dataclasses.replace(exchange, body={"components": [row]}))
    assert "components.0.components.0.style" in judge.faults.pop()


async def test_a_file_that_no_attachment_names_is_found(
    judge: Conformance, sandbox: Sandbox, online: Running
) -> None:
    exchange = await _message_exchange(sandbox, online)
    judge(dataclasses.replace(exchange, files=((0, "a.png", 3),)))
    assert "files[0] (a.png) is not among attachments" in judge.faults.pop()


async def test_a_route_that_discord_has_not_is_found(
    judge: Conformance, sandbox: Sandbox, online: Running
) -> None:
    exchange = await _message_exchange(sandbox, online)
    judge(dataclasses.replace(exchange, path="/pictures"))
    assert judge.faults.pop() == "POST /pictures: Discord has no such route"
