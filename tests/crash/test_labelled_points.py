"""The bot is killed at a named point of a job's way, and nothing promised is lost or told twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bot.sandbox import Fault, Member, Sandbox, SeenMessage, Use
from generation.types import JobState
from tests.bot_process import BotProcess
from tests.crash.books import Row, Wish, audit, settled, until
from tests.crash.conftest import seen_by

CALLBACK = r"/interactions/\d+/[^/]+/callback"
ANSWER = r"/webhooks/\d+/[^/]+/messages/"
CHANNEL = r"/channels/\d+/messages$"
PATIENCE = 60.0


def is_drawing(message: SeenMessage) -> bool:
    return "Drawing" in message.text


def is_result(message: SeenMessage) -> bool:
    return "Again" in message.button_labels


class Scene:
    """One bot, one database, and the wishes made so far."""

    def __init__(
        self, sandbox: Sandbox, bot: BotProcess, database: Path, members: Sequence[Member]
    ) -> None:
        self.sandbox = sandbox
        self.bot = bot
        self.database = database
        self.members = members
        self.wishes: list[Wish] = []

    async def wish(self, member: Member, *, steps: int = 14) -> Use:
        prompt = f"picture {len(self.wishes) + 1} of {member.name}"
        use = await member.slash("imagine", prompt=prompt, steps=steps, seed=1)
        self.wishes.append(Wish(interaction=use.id, owner=member.id, prompt=prompt))
        return use

    async def reached(self, state: JobState) -> None:
        """Wait until a job's row says so."""
        await self.until(lambda found: any(row.state == state for row in found))

    async def until(self, reached: Callable[[list[Row]], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            await until(self.database, reached)

    async def crash(self) -> None:
        await self.bot.kill()
        self.sandbox.core.faults.clear()

    async def recover(self) -> list[Row]:
        """Start again, wait for every ending, and hold the books against what was shown."""
        await self.bot.start()
        async with asyncio.timeout(PATIENCE):
            await settled(self.database)
        return await audit(
            self.database, self.wishes, seen_by(self.members), self.members[0].download
        )


@pytest.fixture
async def scene(sandbox: Sandbox, bot: BotProcess, database: Path, members: list[Member]) -> Scene:
    await bot.start()
    return Scene(sandbox, bot, database, members)


async def test_before_discord_has_the_acknowledgement_nothing_is_accepted(scene: Scene) -> None:
    held = scene.sandbox.fault(Fault(kind="hold", method="POST", route=CALLBACK))
    await scene.wish(scene.members[0])
    await held.reached.wait()
    await scene.crash()
    assert await scene.recover() == []


async def test_an_acknowledgement_whose_answer_was_lost_admits_nothing_twice(scene: Scene) -> None:
    lost = scene.sandbox.fault(Fault(kind="lost_answer", method="POST", route=CALLBACK))
    await scene.wish(scene.members[0])
    await lost.reached.wait()
    await scene.crash()
    assert len(await scene.recover()) <= 1


async def test_a_job_that_waits_is_drawn_after_the_restart(scene: Scene) -> None:
    first, second = await scene.wish(scene.members[0]), await scene.wish(scene.members[1])
    await first.message_where(is_drawing)
    await second.message_where(lambda message: "Queued" in message.text)
    await scene.crash()
    assert [row.state for row in await scene.recover()] == [JobState.DONE] * 2


async def test_a_job_that_runs_is_drawn_anew(scene: Scene) -> None:
    use = await scene.wish(scene.members[0], steps=20)
    await use.message_where(is_drawing)
    await scene.crash()
    assert [row.state for row in await scene.recover()] == [JobState.DONE]


async def test_a_job_that_was_running_at_two_crashes_ends_with_a_sentence(scene: Scene) -> None:
    use = await scene.wish(scene.members[0], steps=60)
    await use.message_where(is_drawing)
    await scene.crash()
    await scene.bot.start()
    await scene.reached(JobState.RUNNING)
    await scene.crash()
    assert [row.state for row in await scene.recover()] == [JobState.FAILED]
    assert use.message is not None
    assert "restarted" in use.message.text


async def test_a_finished_picture_that_was_not_shown_yet_is_shown_once(scene: Scene) -> None:
    use = await scene.wish(scene.members[0])
    await use.message_where(is_drawing)
    scene.sandbox.fault(Fault(kind="hold", method="PATCH", route=ANSWER, times=100))
    await scene.reached(JobState.DELIVERING)
    await scene.crash()
    assert [row.state for row in await scene.recover()] == [JobState.DONE]


async def test_a_picture_shown_but_not_written_down_is_not_shown_again(scene: Scene) -> None:
    use = await scene.wish(scene.members[0])
    await use.message_where(is_drawing)
    scene.sandbox.fault(Fault(kind="lost_answer", method="PATCH", route=ANSWER, times=100))
    await use.message_where(is_result)
    await scene.crash()
    assert [row.state for row in await scene.recover()] == [JobState.DONE]


async def test_a_new_message_posted_but_not_written_down_is_found_and_pings_once(
    scene: Scene,
) -> None:
    use = await scene.wish(scene.members[0])
    await use.message_where(is_drawing)
    dead = Fault(kind="api_error", method="PATCH", route=ANSWER, times=100, status=401, code=50027)
    scene.sandbox.fault(dead)
    scene.sandbox.fault(Fault(kind="lost_answer", method="POST", route=CHANNEL, times=100))
    posted = await scene.members[0].wait_for(is_result)
    assert posted.pinged == [scene.members[0].id]
    await scene.crash()
    assert [row.state for row in await scene.recover()] == [JobState.DONE]


async def test_a_cancel_under_way_ends_the_job_in_one_way(scene: Scene) -> None:
    use = await scene.wish(scene.members[0], steps=20)
    drawing = await use.message_where(is_drawing)
    scene.sandbox.fault(Fault(kind="hold", method="PATCH", route=ANSWER, times=100))
    await scene.members[0].press(drawing, "Cancel")
    await scene.reached(JobState.DELIVERING)
    await scene.crash()
    assert [row.state for row in await scene.recover()] == [JobState.CANCELLED]


async def test_buttons_that_were_pressed_twice_are_two_wishes_and_each_ends_once(
    scene: Scene,
) -> None:
    use = await scene.wish(scene.members[0], steps=1)
    result = await use.message_where(is_result)
    again = await scene.members[1].press(result, "Again")
    prompt = scene.wishes[0].prompt
    scene.wishes.append(Wish(interaction=again.id, owner=scene.members[1].id, prompt=prompt))
    await again.acknowledged()
    await scene.until(lambda found: len(found) == 2)
    await scene.crash()
    assert len(await scene.recover()) == 2
