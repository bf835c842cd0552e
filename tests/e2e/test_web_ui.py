"""From the command to the picture with a web UI behind it, of which only the address is known."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from bot.sandbox import LocalFile, Member
from generation.infotext import parse, read_png
from tests.bot_process import PATIENCE, BotProcess
from tests.e2e.endings import finished
from tests.servers.a1111 import A1111Twin


@pytest.fixture
async def web_ui() -> AsyncIterator[A1111Twin]:
    twin = A1111Twin()
    async with twin.running():
        yield twin


@pytest.fixture
def more(web_ui: A1111Twin) -> str:
    return f'[[backends]]\nurl = "{web_ui.url}"\n'


async def test_a_prompt_with_an_option_and_a_lora_becomes_a_picture(
    bot: BotProcess, web_ui: A1111Twin, alice: Member
) -> None:
    del bot
    prompt = "a cat <lora:ink:0.8> --set style=Cinematic --steps 3"
    result = await finished(await alice.slash("imagine", prompt=prompt, seed=7, count=2))
    assert "Seeds: 7, 8" in result.text
    assert len(result.attachments) == 2
    asked = web_ui.asked[-1]
    assert asked["prompt"] == "a cat <lora:ink:0.8>"
    assert (asked["styles"], asked["seed"], asked["steps"]) == (["Cinematic"], 7, 3)
    data = await alice.download(result.attachments[0])
    settings = parse(read_png(data) or "")
    assert (settings.fields["Model"], settings.fields["Seed"]) == ("tinyrand-a", "7")
    assert b"/srv/webui" not in data


async def test_a_picture_can_be_started_from_and_its_part_redrawn(
    bot: BotProcess, web_ui: A1111Twin, alice: Member
) -> None:
    del bot
    size = (256, 256)
    start = LocalFile("start.png", png(Image.new("RGB", size, "blue")))
    await finished(await alice.slash("imagine", prompt="a cat", image=start, strength=0.5))
    assert web_ui.asked[-1]["denoising_strength"] == 0.5
    mask = Image.new("L", size)
    mask.paste(255, (0, 0, 128, 256))
    use = await alice.slash(
        "inpaint", image=start, mask=LocalFile("mask.png", png(mask)), prompt="a dog", mask_blur=0
    )
    result = await finished(use)
    with Image.open(io.BytesIO(await alice.download(result.attachments[0]))) as opened:
        assert opened.size == size
        assert opened.getpixel((200, 100)) == (0, 0, 255)


async def test_a_running_job_is_stopped_at_the_web_ui_too(
    bot: BotProcess, web_ui: A1111Twin, alice: Member
) -> None:
    del bot
    web_ui.engine.hold()
    use = await alice.slash("imagine", prompt="a cat")
    await web_ui.engine.until(lambda: web_ui.engine.now is not None)
    await alice.until(
        lambda: use.message is not None and "Cancel" in use.message.button_labels,
        patience=PATIENCE,
    )
    assert use.message is not None
    await alice.press(use.message, "Cancel")
    await web_ui.engine.until(lambda: web_ui.engine.now is None)
    assert web_ui.interrupts >= 1
    result = await finished(use)
    assert not result.attachments


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
