"""The page API: what members may see and do, and who may ask."""

from __future__ import annotations

import asyncio

import aiohttp
import discord
import pytest

from bot.sandbox import ActionRefused, Cast, LocalFile, ManualClock, Sandbox, SystemClock
from bot.sandbox.wire import as_object, as_objects
from tests.sandbox.bots import Running, SmallBot
from tests.sandbox.pictures import PNG


async def test_the_world_bears_the_names_it_was_given() -> None:
    cast = Cast(guild="Atelier", bot="brush", people=("zoe", "max"), channel="lobby")
    async with Sandbox(clock=ManualClock(), cast=cast) as sandbox:
        state = await sandbox.member("zoe").refresh()
        assert as_object(state["guild"])["name"] == "Atelier"
        assert as_object(as_object(state["bot"])["user"])["username"] == "brush"
        assert [item["is_admin"] for item in as_objects(state["users"])] == [True, False]
        names = [item.get("name") for item in as_objects(state["channels"])]
        assert names == ["lobby", "after-dark", "sketches", None]


async def test_ids_are_strings_and_rise_with_a_clock_that_stands_still(sandbox: Sandbox) -> None:
    bob = sandbox.member("bob")
    ids = [(await bob.send(str(number))).id for number in range(5)]
    assert all(isinstance(item, str) for item in ids)
    assert ids == sorted(ids, key=int)
    assert len(set(ids)) == 5


async def test_members_hear_each_other(sandbox: Sandbox) -> None:
    alice = await sandbox.member("alice").connect()
    await sandbox.member("bob").send("hello alice", files=[LocalFile("a.png", PNG)])
    heard = await alice.wait_for(lambda message: message.content == "hello alice")
    assert await alice.download(heard.attachments[0]) == PNG


async def test_others_dms_and_hidden_channels_are_out_of_sight(sandbox: Sandbox) -> None:
    alice, bob = sandbox.member("alice"), sandbox.member("bob")
    private = await bob.send("private", channel="dm")
    with pytest.raises(ActionRefused) as refusal:
        await alice.messages(private.channel_id)
    assert refusal.value.code == 50001
    hidden = sandbox.channel("after-dark")
    sandbox.world.overwrite(
        hidden,
        bob.id,
        deny=sandbox.world.guilds[sandbox.guild.id].roles[sandbox.guild.id].permissions,
    )
    state = await bob.refresh()
    assert hidden.id not in {item["id"] for item in as_objects(state["channels"])}


async def test_one_deletes_one_s_own_and_administrators_all(sandbox: Sandbox) -> None:
    alice, bob, carol = (sandbox.member(name) for name in ("alice", "bob", "carol"))
    first, second = await bob.send("first"), await bob.send("second")
    with pytest.raises(ActionRefused) as refusal:
        await carol.delete(first)
    assert refusal.value.code == 50013
    await bob.delete(first)
    await alice.delete(second)
    assert await carol.messages() == []


async def test_pages_of_other_sites_are_turned_away(sandbox: Sandbox) -> None:
    url = f"{sandbox.page_url}sandbox/api/state"
    async with aiohttp.ClientSession() as session:
        for headers, status in (
            ({}, 200),
            ({"Origin": sandbox.page_url.rstrip("/")}, 200),
            ({"Origin": "https://evil.example"}, 403),
            ({"Host": "evil.example"}, 403),
        ):
            async with session.get(url, headers=headers) as response:
                assert response.status == status


async def test_an_uploaded_page_runs_no_script(sandbox: Sandbox) -> None:
    bob = sandbox.member("bob")
    sent = await bob.send(files=[LocalFile("x.html", b"<script>1</script>")])
    async with aiohttp.ClientSession() as session, session.get(sent.attachments[0].url) as answer:
        assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_files_outside_the_page_s_folder_are_not_served(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"{sandbox.page_url}static/%2e%2e/server.py"
        async with session.get(url) as response:
            assert response.status == 404


async def test_time_is_moved_over_http_on_a_manual_clock_only(
    sandbox: Sandbox, clock: ManualClock
) -> None:
    before = clock.now()
    async with aiohttp.ClientSession() as session:
        url = f"{sandbox.page_url}sandbox/api/clock"
        async with session.post(url, json={"advance": 5}) as response:
            assert response.status == 200
        assert clock.now() - before == 5
        async with session.post(url, json={"advance": -1}) as response:
            assert response.status == 400
        async with (
            Sandbox(clock=SystemClock()) as real,
            session.post(f"{real.page_url}sandbox/api/clock", json={"advance": 5}) as response,
        ):
            assert response.status == 409


async def test_an_interaction_with_an_absent_bot_fails(
    sandbox: Sandbox, clock: ManualClock
) -> None:
    sandbox.core.commands.add({"name": "ping", "description": "Ping."}, None)
    use = await sandbox.member("alice").slash("ping")
    clock.advance(3)
    assert await use.failed() == "The application did not respond"


async def test_a_thread_started_by_a_member_is_seen_by_others(sandbox: Sandbox) -> None:
    bob = await sandbox.member("bob").connect()
    alice = sandbox.member("alice")
    url = f"{sandbox.page_url}sandbox/api/threads"
    async with aiohttp.ClientSession() as session:
        body = {"user": alice.id, "channel_id": sandbox.channel("general").id, "name": "ideas"}
        async with session.post(url, json=body) as response:
            assert response.status == 200
    frame = await bob.wait_for_frame("CHANNEL_CREATE", lambda data: data["name"] == "ideas")
    assert frame["can_send"] is True


async def test_a_dismissed_answer_is_out_of_sight_yet_its_token_still_edits_it(
    sandbox: Sandbox, online: Running
) -> None:
    bot = SmallBot()
    go_on = asyncio.Event()
    edited: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @bot.tree.command(description="Whisper.")
    async def whisper(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("psst", ephemeral=True)
        await go_on.wait()
        edited.set_result((await interaction.edit_original_response(content="hm")).content)

    async with online(bot):
        alice = sandbox.member("alice")
        message = await (await alice.slash("whisper")).answered()
        await alice.delete(message)
        await alice.until(lambda: message.id not in alice.seen)
        assert await alice.messages() == []
        go_on.set()
        assert await edited == "hm"
        assert await alice.messages() == []
