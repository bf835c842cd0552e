"""Double clicks: a second press of the same button by the same member, a moment later."""

from __future__ import annotations

from typing import Final

import discord

from generation.clock import Clock

DOUBLE_SECONDS: Final = 2.0
"""How close together two presses are one; whoever wants two pictures takes longer."""

_Press = tuple[int, str, int]


class Presses:
    """The presses of the last moments. Discord gives each an id of its own, so ids cannot tell."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[_Press, float] = {}

    def is_double(self, interaction: discord.Interaction, custom_id: str) -> bool:
        """Whether the member has just pressed that button; this press is remembered."""
        now = self._clock.monotonic()
        self._seen = {key: at for key, at in self._seen.items() if now - at < DOUBLE_SECONDS}
        message = interaction.message
        key = (0 if message is None else message.id, custom_id, interaction.user.id)
        if key in self._seen:
            return True
        self._seen[key] = now
        return False
