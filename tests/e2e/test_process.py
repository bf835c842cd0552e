"""What an operator relies on: the process survives, starts again and says how it ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.sandbox import Member, Sandbox, SeenMessage
from tests.bot_process import BotProcess


def _is_result(message: SeenMessage) -> bool:
    return "Again" in message.button_labels and bool(message.pictures)


def _is_running(message: SeenMessage) -> bool:
    return "Drawing" in message.text


async def test_a_killed_bot_draws_after_its_restart_what_it_had_accepted(
    scripted_bot: BotProcess, alice: Member
) -> None:
    use = await alice.slash("imagine", prompt="a lighthouse", steps=60, seed=1)
    await use.message_where(_is_running)
    await scripted_bot.kill()
    await scripted_bot.start()
    result = await alice.wait_for(_is_result, patience=60)
    assert "a lighthouse" in result.text
    assert len([seen for seen in await alice.messages() if _is_result(seen)]) == 1


async def test_buttons_of_a_picture_work_after_a_restart(
    scripted_bot: BotProcess, alice: Member
) -> None:
    use = await alice.slash("imagine", prompt="a kite", steps=1, seed=1)
    result = await use.message_where(_is_result)
    await scripted_bot.kill()
    await scripted_bot.start()
    again = await alice.press(result, "Again")
    await again.acknowledged()
    await alice.wait_for(lambda seen: seen.id != result.id and _is_result(seen), patience=60)


async def test_asked_to_stop_the_bot_ends_with_code_0(scripted_bot: BotProcess) -> None:
    code = await scripted_bot.terminate()
    assert code == 0, scripted_bot.output


async def test_a_gateway_drop_during_a_job_is_resumed_and_the_picture_comes(
    scripted_bot: BotProcess, alice: Member, sandbox: Sandbox
) -> None:
    use = await alice.slash("imagine", prompt="a bridge", steps=40, seed=1)
    await use.message_where(_is_running)
    sandbox.core.gateway.drop()
    result = await use.message_where(_is_result)
    assert "a bridge" in result.text
    assert "resum" in scripted_bot.output.casefold()


@pytest.mark.parametrize(
    ("right", "wrong", "code", "sentence"),
    [
        pytest.param("token =", "tokn =", 2, "token", id="misspelt key"),
        pytest.param('token = "', 'token = "not', 3, "token", id="wrong token"),
    ],
)
async def test_the_exit_code_tells_a_supervisor_what_to_do(
    right: str, wrong: str, code: int, sentence: str, *, sandbox: Sandbox, tmp_path: Path
) -> None:
    bot = BotProcess(sandbox, tmp_path, more='[[backends]]\nkind = "scripted"\n')
    bot.config.write_text(bot.config.read_text().replace(right, wrong))
    await bot.launch()
    assert await bot.exit_code() == code
    await bot.close()
    assert sentence in bot.output
    assert "Traceback" not in bot.output
