"""The bot is killed again and again at moments that nobody chose, while members go on asking."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from bot.sandbox import Fault, Member, Sandbox, Use
from bot.sandbox.connection import ActionRefused
from generation.types import JobState
from tests.bot_process import BotProcess
from tests.crash.books import Wish, audit, settled
from tests.crash.conftest import seen_by

WIDE = "\n[limits]\nmax_queued = 100\nmax_per_day = 100000\n"
LATEST_KILL = 2.0
"""Seconds from the first wish after a start to the kill, at most."""
DRAIN_SECONDS = 900.0


@pytest.mark.parametrize(
    ("seed", "kills"),
    [
        pytest.param(1, 25, marks=pytest.mark.timeout(600), id="25 kills"),
        pytest.param(2, 200, marks=[pytest.mark.slow, pytest.mark.timeout(3600)], id="200 kills"),
    ],
)
async def test_every_accepted_wish_has_exactly_one_ending(
    seed: int,
    kills: int,
    *,
    sandbox: Sandbox,
    bot: BotProcess,
    database: Path,
    members: list[Member],
) -> None:
    bot.config.write_text(bot.config.read_text() + WIDE)
    chance = random.Random(seed)  # repeatable
    uses: list[Use] = []
    wishes: list[Wish] = []
    for _ in range(kills):
        await bot.start()
        _lose_some_answers(sandbox, chance)
        for _ in range(chance.randint(1, 3)):
            member = chance.choice(members)
            prompt = f"picture {len(wishes)} of {member.name}"
            uses.append(await _ask(member, prompt, chance))
            wishes.append(Wish(interaction=uses[-1].id, owner=member.id, prompt=prompt))
        await _cancel_one(uses, chance)
        # The moment itself is what is tried; nothing is waited for.
        await asyncio.sleep(chance.uniform(0.0, LATEST_KILL))
        await bot.kill()
        sandbox.core.faults.clear()
    await bot.start()
    async with asyncio.timeout(DRAIN_SECONDS):
        await settled(database)
    accepted = await audit(database, wishes, seen_by(members), members[0].download)
    outcomes = Counter(row.state for row in accepted)
    assert outcomes[JobState.DONE] >= kills / 2, f"too little was drawn to tell: {outcomes}"


def _lose_some_answers(sandbox: Sandbox, chance: random.Random) -> None:
    """Discord carries some requests out and the bot never hears of it."""
    for method, route in (("PATCH", r"/webhooks/"), ("POST", r"/channels/\d+/messages$")):
        if chance.random() < 0.3:
            nth = chance.randint(1, 4)
            sandbox.fault(Fault(kind="lost_answer", method=method, route=route, nth=nth))


async def _ask(member: Member, prompt: str, chance: random.Random) -> Use:
    steps, count = chance.randint(1, 4), chance.randint(1, 2)
    return await member.slash("imagine", prompt=prompt, steps=steps, count=count)


async def _cancel_one(uses: Sequence[Use], chance: random.Random) -> None:
    shown = [(use, message) for use in uses if (message := use.message) is not None]
    waiting = [(use, message) for use, message in shown if "Cancel" in message.button_labels]
    if waiting and chance.random() < 0.5:
        use, message = chance.choice(waiting)
        with suppress(ActionRefused):  # the result was there first, and took the button away
            await use.member.press(message, "Cancel")
