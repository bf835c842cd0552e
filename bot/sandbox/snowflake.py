"""Discord's ids: time in the upper bits, unique and rising."""

from __future__ import annotations

from bot.sandbox.clock import Clock

DISCORD_EPOCH_MS = 1_420_070_400_000
_SEQUENCE_BITS = 22


class Snowflakes:
    """Makes ids. Strictly rising, also while the clock stands still."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> str:
        """Return a fresh id, as the string that goes on the wire."""
        moment = int(self._clock.now() * 1000) - DISCORD_EPOCH_MS
        self._last = max(self._last + 1, moment << _SEQUENCE_BITS)
        return str(self._last)


def created_at(snowflake: str) -> float:
    """Return the Unix time at which the id was made, in seconds."""
    return ((int(snowflake) >> _SEQUENCE_BITS) + DISCORD_EPOCH_MS) / 1000
