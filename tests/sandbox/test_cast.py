"""What a sandbox is told to begin with."""

from __future__ import annotations

from bot.sandbox import Cast, ManualClock, Sandbox, Suggestion, Welcome


async def test_an_empty_channel_is_given_words_and_things_to_try() -> None:
    welcome = Welcome(
        title="Begin",
        text="Try this.",
        suggestions=(Suggestion(label="a fox", command="paint", options={"what": "a fox"}),),
    )
    async with Sandbox(clock=ManualClock(), cast=Cast(welcome=welcome)) as sandbox:
        state = await sandbox.member("alice").refresh()
    assert state["welcome"] == {
        "title": "Begin",
        "text": "Try this.",
        "suggestions": [{"label": "a fox", "command": "paint", "options": {"what": "a fox"}}],
    }


async def test_a_sandbox_without_words_of_its_own_says_none() -> None:
    async with Sandbox(clock=ManualClock()) as sandbox:
        assert "welcome" not in await sandbox.member("alice").refresh()
