"""``/queue`` and ``/jobs``."""

from __future__ import annotations

import pytest

from bot import custom_ids
from bot.custom_ids import Action
from bot.sandbox import Fault, SeenMessage
from bot.sandbox.faults import FaultKind
from generation.types import JobState
from tests.bot.studio import Studio, is_result, is_unfinished


def is_there(message: SeenMessage) -> bool:
    return not message.loading


async def test_an_empty_queue_says_that_a_wish_starts_at_once(studio: Studio) -> None:
    shown = await (await studio.bob.slash("queue")).message_where(is_there)
    assert "starts at once" in shown.text
    assert shown.ephemeral


async def test_the_queue_counts_what_runs_and_waits_for_everyone(studio: Studio) -> None:
    await (await studio.alice.slash("imagine", prompt="a fox")).message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    await (await studio.carol.slash("imagine", prompt="a hare")).message_where(is_unfinished)
    shown = await (await studio.bob.slash("queue")).message_where(is_there)
    assert "1 being drawn, 1 waiting" in shown.text
    assert "fox" not in shown.text


async def test_the_queue_tells_how_long_it_takes_once_that_was_measured(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox", steps=4)
    await studio.until(lambda: bool(studio.backend._steps))
    studio.time.advance(30)
    await studio.finish(use)
    await studio.alice.slash("imagine", prompt="a hare", steps=4)
    await studio.until(lambda: bool(studio.backend._steps))
    shown = await (await studio.bob.slash("queue")).message_where(is_there)
    assert "starts in about" in shown.text


async def test_jobs_lists_ones_own_and_cancels_the_chosen_one(studio: Studio) -> None:
    first = await studio.alice.slash("imagine", prompt="a fox")
    await studio.until(lambda: bool(studio.backend._steps))
    second = await studio.alice.slash("imagine", prompt="a hare")
    await second.message_where(is_unfinished)
    other = await studio.bob.slash("imagine", prompt="a toad")
    await other.message_where(is_unfinished)
    listed = await (await studio.alice.slash("jobs")).message_where(is_there)
    assert listed.ephemeral
    assert "a fox · being drawn" in listed.text
    assert "a hare · 2 ahead" in listed.text, "bob, who had nothing yet, goes first"
    assert "toad" not in listed.text
    await studio.alice.press(listed, "Cancel 2")
    await second.message_where(lambda message: "Cancelled" in message.text)
    assert (await studio.finish(first)).pictures


async def test_without_jobs_the_list_says_so(studio: Studio) -> None:
    shown = await (await studio.bob.slash("jobs", channel="dm")).message_where(is_there)
    assert "Nothing of yours" in shown.text
    assert shown.buttons == []


async def test_what_could_not_be_shown_anywhere_is_kept_and_shown_on_demand(
    studio: Studio,
) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox", seed=7)
    await use.message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    closed = [
        studio.sandbox.fault(
            Fault(kind="api_error", method=method, route=route, status=403, code=code, times=100)
        )
        for method, route, code in (
            ("PATCH", "/webhooks/", 50001),
            ("POST", r"/channels/\d+/messages", 50001),
            ("POST", "/users/@me/channels", 50007),
        )
    ]
    studio.backend.advance(1000)
    await studio.until(lambda: studio.reached(studio.alice, JobState.DONE))
    assert all(fault.hits for fault in closed)
    studio.sandbox.core.faults.clear()

    listed = await (await studio.alice.slash("jobs")).message_where(is_there)
    assert "could not be shown" in listed.text
    shown = await studio.alice.press(listed, "Show 1")
    result = await shown.message_where(is_result)
    assert result.ephemeral
    assert result.pictures
    assert "Seed: 7" in result.text
    again = await (await studio.alice.slash("jobs")).message_where(is_there)
    assert "Nothing of yours" in again.text


async def test_nobody_else_can_have_a_parked_result_shown(studio: Studio) -> None:
    await studio.imagine(studio.alice)
    job = await studio.only_job(studio.alice)
    message = await studio.show_button(custom_ids.write(Action.SHOW, job.id))
    use = await studio.bob.press(message, "Old")
    told = await use.message_where(is_there)
    assert "no longer stored" in told.text
    assert not told.pictures


@pytest.mark.parametrize("kind", ["cut", "lost_answer"])
async def test_a_connection_cut_while_answering_is_tried_again(
    studio: Studio, kind: FaultKind
) -> None:
    fault = studio.sandbox.fault(Fault(kind=kind, method="PATCH", route=r"/webhooks/"))
    shown = await (await studio.bob.slash("queue")).message_where(is_there)
    assert fault.hits == 1
    assert "at once" in shown.text


async def test_an_answer_that_discord_does_not_take_is_no_fault_of_ours(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    dead = Fault(kind="api_error", method="PATCH", route=r"/webhooks/", status=401, code=50027)
    studio.sandbox.fault(dead)
    await studio.bob.slash("queue")
    await studio.until(lambda: "not_answered where=command:queue status=401" in caplog.text)
    assert "unexpected_error" not in caplog.text
