"""Close to a ban of the whole address, what can wait is not sent, and nothing is lost."""

from __future__ import annotations

import discord
import pytest

from bot.refusals import WINDOW_SECONDS, Refusals
from bot.sandbox import Fault
from generation.types import JobState
from tests.bot.studio import Studio, is_result

SOME = 3


@pytest.fixture
def refusals(studio: Studio) -> Refusals:
    """The running bot's own, with less patience."""
    studio.client.refusals._most = SOME
    return studio.client.refusals


async def be_refused(studio: Studio, status: int, times: int = SOME) -> None:
    """Have that many requests of the bot refused."""
    fault = Fault(kind="api_error", method="GET", route="/channels/", status=status, times=times)
    studio.sandbox.fault(fault)
    for _ in range(times):
        with pytest.raises(discord.HTTPException):
            await studio.client.fetch_channel(1)


@pytest.mark.parametrize("status", [401, 403])
async def test_refusals_are_counted_and_forgotten_after_the_window(
    studio: Studio, refusals: Refusals, status: int
) -> None:
    await be_refused(studio, status)
    studio.time.advance(5)
    with pytest.raises(discord.RateLimited) as caught:
        refusals.require_few()
    assert caught.value.retry_after == WINDOW_SECONDS - 5
    studio.time.advance(WINDOW_SECONDS - 5)
    refusals.require_few()


@pytest.mark.parametrize(("status", "times"), [(404, SOME), (403, SOME - 1)])
async def test_other_answers_and_a_few_refusals_are_no_reason_to_rest(
    studio: Studio, refusals: Refusals, status: int, times: int
) -> None:
    await be_refused(studio, status, times)
    refusals.require_few()


async def test_a_result_waits_until_there_are_few_and_then_comes(
    studio: Studio, refusals: Refusals
) -> None:
    use = await studio.alice.slash("imagine", prompt="a fox", steps=1)
    await studio.until(lambda: bool(studio.backend._steps))
    await be_refused(studio, 403)
    sent = len(studio.exchanges)
    studio.backend.advance(1000)
    await studio.until(lambda: studio.reached(studio.alice, JobState.DELIVERING))
    await studio.pass_time(60)
    assert studio.exchanges[sent:] == []
    await studio.pass_time_until(lambda: studio.reached(studio.alice, JobState.DONE))
    assert (await use.message_where(is_result)).pictures
    refusals.require_few()
