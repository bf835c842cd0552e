"""Waiting for what a member has asked for."""

from __future__ import annotations

from bot.sandbox import SeenMessage, Use
from tests.bot_process import PATIENCE


async def finished(use: Use) -> SeenMessage:
    """The answer once it is an ending."""
    await use.member.until(
        lambda: (
            use.message is not None
            and not use.message.loading
            and "Cancel" not in use.message.button_labels
        ),
        patience=PATIENCE,
    )
    assert use.message is not None
    return use.message
