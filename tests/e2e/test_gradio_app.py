"""From the command to the picture with a Gradio app of which only the address is known."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from bot.sandbox import LocalFile, Member
from generation.infotext import parse, read_png
from tests.bot_process import BotProcess
from tests.e2e.endings import finished
from tests.servers.gradio import GradioTwin
from tests.servers.twin import Fault


@pytest.fixture
async def app() -> AsyncIterator[GradioTwin]:
    twin = GradioTwin()
    async with twin.running():
        yield twin


@pytest.fixture
def more(app: GradioTwin) -> str:
    return f'[[backends]]\nurl = "{app.url}"\n'


async def test_a_prompt_with_the_apps_own_option_becomes_a_picture(
    bot: BotProcess, app: GradioTwin, alice: Member
) -> None:
    del bot
    prompt = "a cat --no dogs --steps 3 --set prefix=no"
    result = await finished(await alice.slash("imagine", prompt=prompt, seed=7, count=2))
    assert "Seeds: 7, 8" in result.text
    assert len(result.attachments) == 2
    assert [body["data"] for body in app.submitted] == [
        ["a cat", "dogs", 7.5, 3, 512, 512, seed, False] for seed in (7, 8)
    ]
    settings = parse(read_png(await alice.download(result.attachments[0])) or "")
    assert settings.fields["Seed"] == "7"


async def test_a_picture_can_be_started_from(
    bot: BotProcess, app: GradioTwin, alice: Member
) -> None:
    del bot
    buffer = io.BytesIO()
    Image.new("RGB", (256, 256), "blue").save(buffer, "PNG")
    start = LocalFile("start.png", buffer.getvalue())
    result = await finished(await alice.slash("imagine", prompt="a cat", image=start, strength=0.4))
    assert result.attachments
    assert app.submitted[-1]["data"][9] == 0.4


async def test_what_the_app_says_and_what_it_cannot_do_are_told_in_a_sentence(
    bot: BotProcess, app: GradioTwin, alice: Member
) -> None:
    del bot
    app.fault = Fault.REFUSES
    refused = await finished(await alice.slash("imagine", prompt="a cat"))
    assert "The image generator says: These settings do not go together." in refused.text
    impossible = await finished(await alice.slash("imagine", prompt="a cat --steps 76"))
    assert "steps must be 2 to 75 here, not 76" in impossible.text
    assert len(app.submitted) == 1
