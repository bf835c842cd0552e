"""From the command to the picture, with the model that ships: what a newcomer tries first."""

from __future__ import annotations

import getpass
import io
import platform
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bot.sandbox import LocalFile, Member, Sandbox, SeenMessage, Use
from bot.sandbox.client import OptionValue
from generation.infotext import read_png
from generation.infotext.png import chunks
from tests.bot_process import PATIENCE, BotProcess


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


async def test_a_masked_part_is_drawn_anew_and_the_rest_stays_to_the_last_bit(
    bot: BotProcess, alice: Member
) -> None:
    del bot
    size, hole = (200, 140), (100, 40, 160, 100)
    start, mask = Image.effect_noise(size, 60).convert("RGB"), Image.new("L", size)
    mask.paste(255, hole)
    use = await alice.slash(
        "inpaint",
        image=LocalFile("start.png", png(start)),
        mask=LocalFile("mask.png", png(mask)),
        prompt=RED_ON_BLUE,
        mask_blur=0,
        only_masked=True,
        strength=1.0,
        seed=7,
    )
    after = pixels(await alice.download((await finished(use)).attachments[0]))
    changed = (after != pixels(png(start))).any(axis=2)
    left, top, right, bottom = hole
    assert after.shape == (size[1], size[0], 3)
    assert changed[top:bottom, left:right].mean() > 0.9
    changed[top:bottom, left:right] = False
    assert not changed.any()


async def test_a_worker_killed_at_work_is_replaced_and_the_picture_comes(
    bot: BotProcess, alice: Member
) -> None:
    use = await alice.slash("imagine", prompt=RED_ON_BLUE, seed=7, steps=60, count=4)
    await alice.until(
        lambda: use.message is not None and "Drawing" in use.message.text, patience=PATIENCE
    )
    bot.kill_worker()
    result = await finished(use)
    assert "Seeds: 7, 8, 9, 10" in result.text


async def test_a_picture_tells_what_it_was_made_with_and_nothing_of_whom_or_where(
    bot: BotProcess, alice: Member, sandbox: Sandbox
) -> None:
    use = await alice.slash("imagine", prompt=RED_ON_BLUE, seed=7, steps=4, guidance_scale=3.0)
    (file,) = (await finished(use)).attachments
    data = await alice.download(file)
    assert [kind for kind, _ in chunks(data)] == [b"IHDR", b"tEXt", b"IDAT", b"IEND"]
    told = (
        f"{RED_ON_BLUE}\nSteps: 4, Sampler: Euler, Schedule type: Automatic, CFG scale: 3, "
        "Seed: 7, Size: 256x256, Model: Easel demo, Version: Easel"
    )
    assert read_png(data) == told
    secrets = [alice.id, use.id, use.channel_id, *sandbox.world.guilds, sandbox.token]
    secrets += [str(Path.home()), str(ROOT), str(bot.folder), getpass.getuser(), platform.node()]
    everything = data.decode("latin-1") + file.filename
    for secret in secrets:
        # Shorter ones may stand anywhere by chance.
        assert len(secret) < 5 or secret in told or secret not in everything


RED_ON_BLUE = "a red circle on a blue background"
ROOT = Path(__file__).parents[2]


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


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def pixels(data: bytes) -> NDArray[np.float64]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.float64)
