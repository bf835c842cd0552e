"""From the command to the picture, with the model that ships: what a newcomer tries first."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bot.sandbox import LocalFile, Member, SeenMessage, Use
from bot.sandbox.client import OptionValue
from tests.e2e.conftest import PATIENCE, BotProcess


async def test_a_prompt_becomes_a_picture_that_follows_it(bot: BotProcess, alice: Member) -> None:
    del bot
    result = await finished(await alice.slash("imagine", prompt=RED_ON_BLUE, seed=7))
    assert "Seed: 7" in result.text
    picture = pixels(await alice.download(result.attachments[0]))
    red, green, blue = np.moveaxis(picture, 2, 0)
    is_red, is_blue = (red > blue + 60) & (red > green + 60), (blue > red + 60)
    assert is_blue[:24].mean() > 0.9, "the background is blue"
    assert 0.02 < is_red.mean() < 0.6, "something red is in it"


async def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    bot: BotProcess, alice: Member
) -> None:
    del bot
    wish: dict[str, OptionValue] = {"prompt": "a yellow star"}
    first, again, other = [await drawn(alice, **wish, seed=seed) for seed in (7, 7, 8)]
    assert first == again
    assert first != other


async def test_a_picture_can_be_changed_a_little_or_a_lot(bot: BotProcess, alice: Member) -> None:
    del bot
    plain: dict[str, OptionValue] = {"prompt": RED_ON_BLUE, "seed": 3}
    start = await drawn(alice, **plain)
    changes = []
    for strength in (0.1, 0.9):
        wish = plain | {"prompt": "a green square on a yellow background", "strength": strength}
        after = await drawn(alice, **wish, image=LocalFile("start.png", start))
        changes.append(float(np.abs(pixels(after) - pixels(start)).mean()))
    assert changes[0] < changes[1] / 2


async def test_a_worker_killed_at_work_is_replaced_and_the_picture_comes(
    bot: BotProcess, alice: Member
) -> None:
    use = await alice.slash("imagine", prompt=RED_ON_BLUE, seed=7, steps=60)
    await alice.until(
        lambda: use.message is not None and "Drawing" in use.message.text, patience=PATIENCE
    )
    bot.kill_worker()
    result = await finished(use)
    assert "Seed: 7" in result.text


RED_ON_BLUE = "a red circle on a blue background"


async def finished(use: Use) -> SeenMessage:
    """The answer once it shows its pictures; fails at once with what it says instead."""

    def is_over() -> bool:
        message = use.message
        return message is not None and not message.loading and "Cancel" not in message.button_labels

    await use.member.until(is_over, patience=PATIENCE)
    assert use.message is not None
    assert use.message.pictures, use.message.text
    return use.message


async def drawn(member: Member, **options: OptionValue) -> bytes:
    """The picture that a member gets for these options of /imagine."""
    use = await member.slash("imagine", channel=None, attachment_size_limit=None, **options)
    return await member.download((await finished(use)).attachments[0])


def pixels(data: bytes) -> NDArray[np.float64]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.float64)
