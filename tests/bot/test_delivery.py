from __future__ import annotations

import io

import pytest
from PIL import Image

from bot.address import TOKEN_LIFE
from bot.delivery import BAN_SECONDS
from bot.progress import FAREWELL_SECONDS
from bot.sandbox import Fault, SeenMessage, Use
from bot.sandbox.wire import JsonObject
from generation.errors import PictureGone, StorageError
from generation.types import BlobId, JobState
from tests.bot.studio import Studio, is_result, is_unfinished

ANSWER = r"/webhooks/\d+/[^/]+/messages/"


async def waiting(studio: Studio, *, private: bool = False, channel: str | None = None) -> Use:
    """A job of alice's that runs and has been shown so."""
    use = await studio.alice.slash("imagine", prompt="a fox", private=private, channel=channel)
    await use.message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    return use


async def ended(studio: Studio, state: JobState = JobState.DONE) -> None:
    await studio.until(lambda: studio.reached(studio.alice, state))


async def arriving_late(studio: Studio) -> SeenMessage:
    """The result of a job that is done when its interaction's token is dead."""
    studio.time.advance(TOKEN_LIFE + 1)
    studio.backend.advance(1000)
    return await studio.alice.wait_for(is_result)


def posts(studio: Studio) -> list[JsonObject]:
    return [
        item.body
        for item in studio.exchanges
        if item.method == "POST" and item.path.endswith("/messages")
        if isinstance(item.body, dict)
    ]


def answers(studio: Studio) -> int:
    return sum(
        1 for item in studio.exchanges if "@original" in item.path or "/webhooks/" in item.path
    )


async def test_a_result_replaces_the_progress_in_the_same_message(studio: Studio) -> None:
    use = await waiting(studio)
    shown = use.message
    studio.backend.advance(1000)
    result = await use.message_where(is_result)
    assert shown is not None
    assert result.id == shown.id
    assert posts(studio) == []


async def test_after_the_token_a_new_message_notifies_its_owner_alone(studio: Studio) -> None:
    use = await waiting(studio)
    studio.time.advance(TOKEN_LIFE + 1)
    before = answers(studio)
    studio.backend.advance(1000)
    result = await studio.alice.wait_for(is_result)
    assert result.id != use.message_id
    assert result.replies_to == use.message_id
    assert result.pinged == [studio.alice.id]
    assert answers(studio) == before, "a dead token must not be tried"
    assert posts(studio)[0]["enforce_nonce"] is True


async def test_the_old_message_then_says_where_the_result_is(studio: Studio) -> None:
    use = await waiting(studio)
    studio.time.advance(TOKEN_LIFE + 1)
    studio.backend.advance(1000)
    old = await use.message_where(lambda message: "new message" in message.text)
    assert old.buttons == []


async def test_a_token_that_died_early_is_used_once_and_never_again(studio: Studio) -> None:
    await waiting(studio)
    fault = studio.sandbox.fault(
        Fault(kind="api_error", method="PATCH", route=ANSWER, status=401, code=50027, times=99)
    )
    studio.backend.advance(1000)
    result = await studio.alice.wait_for(is_result)
    assert result.pinged == [studio.alice.id]
    assert fault.hits == 1


async def test_a_private_result_never_enters_the_channel(studio: Studio) -> None:
    await studio.bob.connect()
    await waiting(studio, private=True)
    result = await arriving_late(studio)
    assert result.channel_id == await studio.alice.channel_id("dm")
    assert not any(is_result(message) for message in studio.bob.seen.values())


async def test_a_result_whose_channel_is_gone_comes_as_a_private_message(studio: Studio) -> None:
    await waiting(studio)
    studio.sandbox.delete_channel("general")
    result = await arriving_late(studio)
    assert result.channel_id == await studio.alice.channel_id("dm")


async def test_a_result_whose_thread_is_gone_comes_into_the_channel_around_it(
    studio: Studio,
) -> None:
    parent = studio.sandbox.channel("sketches").parent_id
    await waiting(studio, channel="sketches")
    studio.sandbox.delete_channel("sketches")
    result = await arriving_late(studio)
    assert result.channel_id == parent
    assert result.pinged == [studio.alice.id]


async def test_nothing_leaves_a_private_thread_but_to_its_owner(studio: Studio) -> None:
    sandbox = studio.sandbox
    parent = sandbox.world.channels[sandbox.channel("sketches").parent_id]
    bot, alice = sandbox.world.bot.id, studio.alice.id
    thread = sandbox.world.add_thread(parent, "secret", alice, private=True)
    thread.thread_members[bot] = thread.created_at
    await waiting(studio, channel="secret")
    sandbox.delete_channel("secret")
    result = await arriving_late(studio)
    assert result.channel_id == await studio.alice.channel_id("dm")


async def test_an_answer_says_where_its_result_will_be_before_it_falls_silent(
    studio: Studio,
) -> None:
    use = await waiting(studio, private=True)
    await studio.pass_time(TOKEN_LIFE - FAREWELL_SECONDS)
    told = await use.message_where(lambda message: "Not done yet" in message.text)
    assert "/jobs" in told.text
    assert told.button_labels == ["Cancel"]
    await studio.pass_time(2 * FAREWELL_SECONDS)
    studio.backend.advance(1000)
    result = await studio.alice.wait_for(is_result)
    assert result.channel_id == await studio.alice.channel_id("dm")


async def test_nothing_more_is_drawn_for_a_server_that_the_bot_was_removed_from(
    studio: Studio,
) -> None:
    use = await waiting(studio)
    await studio.bob.connect()
    there = await studio.bob.slash("imagine", prompt="a hare")
    await there.message_where(is_unfinished)
    elsewhere = await studio.bob.slash("imagine", prompt="a moose", channel="dm")
    await elsewhere.message_where(is_unfinished)
    studio.sandbox.world.leave(studio.sandbox.guild, studio.sandbox.world.bot.id)

    async def cancelled() -> bool:
        jobs = [*await studio.jobs(studio.alice), *await studio.jobs(studio.bob)]
        states = {job.request.params.prompt: job.outcome for job in jobs}
        there = (states["a fox"], states["a hare"])
        return there == (JobState.CANCELLED,) * 2 and states["a moose"] is None

    await studio.until(cancelled)
    assert use.message is not None


async def test_a_lost_answer_does_not_double_the_message(studio: Studio) -> None:
    await waiting(studio)
    studio.time.advance(TOKEN_LIFE + 1)
    fault = studio.sandbox.fault(
        Fault(kind="lost_answer", method="POST", route=r"/channels/\d+/messages$")
    )
    studio.backend.advance(1000)
    await studio.until(lambda: fault.hits == 1)
    await studio.alice.wait_for(is_result)
    await studio.pass_time_until(lambda: studio.reached(studio.alice, JobState.DONE))
    shown = await studio.alice.messages()
    assert sum(map(is_result, shown)) == 1


async def test_a_crash_after_posting_does_not_double_the_message(studio: Studio) -> None:
    await waiting(studio)
    studio.time.advance(TOKEN_LIFE + 1)
    studio.sandbox.fault(Fault(kind="lost_answer", method="POST", route=r"/channels/\d+/messages$"))
    studio.backend.advance(1000)
    await studio.alice.wait_for(is_result)
    # The message stands, the bot has not heard so, and dies before it can ask again.
    assert (await studio.only_job(studio.alice)).state is JobState.DELIVERING
    await studio.stop()
    studio.time.advance(3600)
    await studio.start()
    await ended(studio)
    shown = await studio.alice.messages()
    assert sum(map(is_result, shown)) == 1


async def test_a_result_outlives_a_restart_of_the_bot(studio: Studio) -> None:
    use = await waiting(studio)
    await studio.restart()
    await studio.until(lambda: bool(studio.backend._steps))
    studio.backend.advance(1000)
    assert (await use.message_where(is_result)).pictures


async def test_pictures_are_made_to_fit_the_upload_limit(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox", attachment_size_limit=12_000)
    result = await studio.finish(use)
    (file,) = result.attachments
    assert file.size <= 12_000
    assert "to fit" in result.text or file.filename.endswith(".webp")


async def test_pictures_shrink_when_discord_finds_them_too_large(studio: Studio) -> None:
    use = await waiting(studio)
    studio.sandbox.fault(
        Fault(kind="api_error", method="PATCH", route=ANSWER, status=413, code=40005, times=2)
    )
    studio.backend.advance(1000)
    assert (await use.message_where(is_result)).pictures


async def test_a_refused_form_still_shows_the_pictures(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    use = await waiting(studio)
    studio.sandbox.fault(
        Fault(kind="api_error", method="PATCH", route=ANSWER, status=400, code=50035)
    )
    studio.backend.advance(1000)
    result = await use.message_where(is_result)
    assert result.pictures
    assert "a fox" not in result.text
    assert "malformed_message" in caplog.text


async def test_a_content_filter_is_named_and_the_job_ends(studio: Studio) -> None:
    use = await waiting(studio)
    studio.sandbox.fault(
        Fault(kind="api_error", method="PATCH", route=ANSWER, status=400, code=200000)
    )
    studio.backend.advance(1000)
    told = await use.message_where(lambda message: "content filter" in message.text)
    assert told.attachments == []
    await ended(studio)


async def test_trouble_at_discord_only_delays_a_result(studio: Studio) -> None:
    await waiting(studio)
    studio.time.advance(TOKEN_LIFE + 1)
    fault = studio.sandbox.fault(
        Fault(kind="status", method="POST", route=r"/channels/\d+/messages$", status=503)
    )
    studio.backend.advance(1000)
    await studio.until(lambda: fault.hits == 1)
    await studio.pass_time_until(lambda: any(map(is_result, studio.alice.seen.values())))


async def test_a_ban_at_discords_edge_stops_all_requests_for_a_while(studio: Studio) -> None:
    await waiting(studio)
    fault = studio.sandbox.fault(
        Fault(kind="rate_limit", method="PATCH", route=ANSWER, via=False, retry_after=600)
    )
    studio.backend.advance(1000)
    await studio.until(lambda: fault.hits == 1)
    await ended(studio, JobState.DELIVERING)
    count = len(studio.exchanges)
    banned_until = studio.time.now() + BAN_SECONDS
    await studio.pass_time_until(lambda: studio.time.now() > banned_until - 10)
    assert len(studio.exchanges) == count
    await studio.pass_time_until(lambda: studio.reached(studio.alice, JobState.DONE))


async def test_the_interactions_token_leaves_the_store_with_its_use(studio: Studio) -> None:
    await waiting(studio)
    studio.time.advance(TOKEN_LIFE + 1)
    studio.backend.advance(1000)
    await ended(studio)
    job = await studio.only_job(studio.alice)
    assert '"token":null' in job.request.delivery
    assert Image.open(io.BytesIO(await studio.queue.picture(job.outputs[0].blob))).size == (
        512,
        512,
    )


async def test_a_picture_that_cannot_be_read_for_a_while_is_shown_later(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def fail(_blob: BlobId) -> bytes:
        nonlocal asked
        asked += 1
        raise StorageError(detail="reading a picture: Input/output error")

    use = await waiting(studio)
    with monkeypatch.context() as broken:
        broken.setattr(studio.queue, "picture", fail)
        studio.backend.advance(1000)
        await studio.until(lambda: asked > 0)
    await studio.pass_time_until(lambda: studio.reached(studio.alice, JobState.DONE))
    assert (await use.message_where(is_result)).attachments


async def test_a_result_whose_picture_was_lost_says_so(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_blob: BlobId) -> bytes:
        raise PictureGone

    use = await waiting(studio)
    monkeypatch.setattr(studio.queue, "picture", fail)
    studio.backend.advance(1000)
    answer = await use.message_where(lambda message: "no longer stored" in message.text)
    assert not is_unfinished(answer)
