from __future__ import annotations

import itertools

import pytest

from bot import progress
from bot.address import TOKEN_LIFE
from bot.client import RATE_LIMIT_SECONDS
from bot.progress import EDIT_INTERVAL
from bot.sandbox import Exchange, Fault, Use
from generation.errors import StorageError
from generation.line import Place
from generation.types import JobId
from tests.bot.studio import Studio, is_result, is_unfinished


def edits(studio: Studio) -> list[Exchange]:
    return [item for item in studio.exchanges if item.method == "PATCH"]


def read(use: Use) -> str:
    return "" if use.message is None else use.message.text


async def two_in_line(studio: Studio) -> tuple[Use, Use]:
    """Carol's wish and then Alice's, behind one of Bob's that runs."""
    first = await studio.bob.slash("imagine", prompt="one")
    await first.message_where(is_unfinished)
    second = await studio.carol.slash("imagine", prompt="two")
    await second.message_where(is_unfinished)
    third = await studio.alice.slash("imagine", prompt="three")
    await third.message_where(lambda message: "2 ahead" in message.text)
    return second, third


async def test_steps_and_preview_are_shown_in_the_answer(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox")
    await use.message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    studio.backend.advance(4)
    await studio.pass_time_until(lambda: "4/8" in read(use))
    shown = await use.message_where(lambda message: "4/8" in message.text)
    assert shown.pictures


async def test_a_message_is_edited_at_most_once_an_interval(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox", steps=40)
    await use.message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    for _ in range(30):
        studio.backend.advance(1)
        await studio.pass_time(0.5)
    await studio.pass_time_until(lambda: "30/40" in read(use))
    moments = [item.at for item in edits(studio)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert len(gaps) >= 3
    assert min(gaps) >= EDIT_INTERVAL


async def test_a_waiting_job_moves_up_while_it_waits(studio: Studio) -> None:
    second, third = await two_in_line(studio)
    await studio.carol.press(await second.message_where(is_unfinished), "Cancel")
    await second.message_where(lambda message: "Cancelled" in message.text)
    studio.time.advance(EDIT_INTERVAL)
    await studio.pass_time_until(lambda: "1 ahead" in read(third))


async def test_nothing_is_edited_after_the_result(studio: Studio) -> None:
    await studio.imagine(studio.alice)
    count = len(edits(studio))
    await studio.pass_time(120)
    assert len(edits(studio)) == count


async def test_the_more_wait_the_more_seldom_each_is_told_its_place(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PLACE_EDITS", 3 / 150)  # three messages, 150 seconds
    second, third = await two_in_line(studio)
    await studio.carol.press(await second.message_where(is_unfinished), "Cancel")
    await second.message_where(lambda message: "Cancelled" in message.text)
    await studio.pass_time(100)
    assert "2 ahead" in read(third)
    await studio.pass_time_until(lambda: "1 ahead" in read(third))


async def test_a_failed_edit_costs_only_that_edit(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox")
    await use.message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    fault = studio.sandbox.fault(
        Fault(kind="api_error", method="PATCH", status=400, code=50035, times=1)
    )
    studio.backend.advance(2)
    await studio.pass_time_until(lambda: fault.hits == 1)
    studio.backend.advance(2)
    await studio.pass_time_until(lambda: "4/8" in read(use))


async def test_a_message_that_is_gone_is_never_edited_again(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox")
    await use.message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    fault = studio.sandbox.fault(
        Fault(kind="api_error", method="PATCH", status=404, code=10008, times=99)
    )
    for _ in range(6):
        studio.backend.advance(1)
        await studio.pass_time(10)
    assert fault.hits == 1


async def test_progress_goes_on_by_our_own_right_when_the_token_is_old(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox")
    await use.message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    studio.time.advance(TOKEN_LIFE + 1)
    studio.backend.advance(3)
    await studio.pass_time_until(lambda: "3/8" in read(use))
    assert any(item.path.startswith("/channels/") for item in edits(studio))


async def test_a_finished_job_is_not_followed_any_more(studio: Studio) -> None:
    result = await studio.imagine(studio.alice)
    assert is_result(result)
    assert not studio.client.messenger.board._tracks


async def test_a_database_that_fails_for_a_while_costs_only_the_places_meanwhile(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def fail(_job_id: JobId) -> Place | None:
        nonlocal asked
        asked += 1
        raise StorageError(detail="disk I/O error")

    second, third = await two_in_line(studio)
    with monkeypatch.context() as broken:
        broken.setattr(studio.queue, "recent_place", fail)
        await studio.pass_time_until(lambda: asked > 0)
    await studio.carol.press(await second.message_where(is_unfinished), "Cancel")
    await second.message_where(lambda message: "Cancelled" in message.text)
    await studio.pass_time_until(lambda: "1 ahead" in read(third))


async def test_a_long_rate_limit_costs_only_that_edit(studio: Studio) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox")
    await use.message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    studio.time.advance(TOKEN_LIFE + 1)
    fault = studio.sandbox.fault(
        Fault(kind="rate_limit", method="PATCH", retry_after=RATE_LIMIT_SECONDS + 1, times=1)
    )
    studio.backend.advance(2)
    await studio.pass_time_until(lambda: fault.hits == 1)
    studio.backend.advance(1)
    await studio.pass_time(10)
    assert not any(task.done() for task in studio.tasks)


async def test_a_fault_of_ours_in_one_message_stops_no_other(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    board = studio.client.messenger.board
    with monkeypatch.context() as broken:
        broken.setattr(board, "_edit", None)
        first = await studio.bob.slash("imagine", prompt="one")
        await studio.until(lambda: "progress_crashed" in caplog.text)
    second = await studio.alice.slash("imagine", prompt="two")
    await second.message_where(is_unfinished)
    await studio.until(lambda: bool(studio.backend._steps))
    studio.backend.advance(1000)
    assert (await first.message_where(is_result)).pictures
