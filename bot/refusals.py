"""Discord's refusals, counted: ten thousand in ten minutes ban an address from all of Discord."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Final

import aiohttp
import discord
from discord.http import Route

from generation.clock import Clock

# https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans
WINDOW_SECONDS: Final = 600.0
TOO_MANY: Final = 2_000
"""A fifth of what brings the ban: others at the same address may be refused as well."""

_COUNTED = frozenset({401, 403, 429})


class Refusals:
    """The refusals of the last minutes. Close to a ban, what can wait is not sent."""

    def __init__(self, clock: Clock, *, most: int = TOO_MANY) -> None:
        self._clock = clock
        self._most = most
        self._times: deque[float] = deque()

    def trace(self) -> aiohttp.TraceConfig:
        """To be given to discord.py's client, which then has every answer looked at."""
        config = aiohttp.TraceConfig()
        config.on_request_end.append(self._look)
        return config

    def require_few(self) -> None:
        """Raises ``discord.RateLimited``, with the time to wait, while there are too many."""
        now = self._clock.monotonic()
        while self._times and now - self._times[0] >= WINDOW_SECONDS:
            self._times.popleft()
        if len(self._times) >= self._most:
            raise discord.RateLimited(WINDOW_SECONDS - (now - self._times[-self._most]))

    async def _look(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        answer = params.response
        # A limit that all share, such as a channel's own, is nobody's fault.
        is_shared = answer.headers.get("X-RateLimit-Scope") == "shared"
        if answer.status in _COUNTED and not is_shared and str(params.url).startswith(Route.BASE):
            self._times.append(self._clock.monotonic())
