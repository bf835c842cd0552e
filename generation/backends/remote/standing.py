"""What is known of a server: what it offers, whether it is there, and when to ask again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from generation.backends.base import Capabilities
from generation.clock import Clock
from generation.errors import BackendError, Unavailable


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """Seconds. A job may take ``draw`` there, its end after a cancel ``cancel``.

    An answer proves for ``seen`` that the server is there, and what it offers is asked anew every
    ``offer``. One that is down is asked again after ``retry``, then twice that, up to
    ``longest_retry``. One that may still be busy with a job given up on is looked at every
    ``look``, and believed to be rid of it after ``rid`` at the latest. ``leave`` is for stopping
    what runs when Easel ends.
    """

    draw: float = 900.0
    cancel: float = 20.0
    seen: float = 15.0
    offer: float = 300.0
    retry: float = 5.0
    longest_retry: float = 60.0
    look: float = 1.0
    rid: float = 900.0
    leave: float = 3.0


class Standing:
    """Remembers a server's offer and its state, and asks no more often than is useful.

    ``discover`` finds out everything, ``ping`` that it is there; both raise ``BackendError``, from
    whose words ``hide`` takes what must not be shown.
    """

    def __init__(
        self,
        *,
        discover: Callable[[], Awaitable[Capabilities]],
        ping: Callable[[], Awaitable[None]],
        clock: Clock,
        patience: Patience,
        name: str,
        hide: Callable[[str], str] = str,
    ) -> None:
        self._discover = discover
        self._ping = ping
        self._clock = clock
        self._patience = patience
        self._name = name
        self._hide = hide
        self._offer: Capabilities | None = None
        self._offered_at = -math.inf
        self._seen_at = -math.inf
        self._problem: str | None = "not asked yet"
        self._retry_at = -math.inf
        self._pause = patience.retry
        self._asking: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str | None:
        """Why it cannot be used now, None where it can."""
        return self._problem

    def seen(self) -> None:
        """It has just answered."""
        if self._problem is None:
            self._seen_at = self._clock.monotonic()

    def doubt(self) -> None:
        """It has just failed somebody: ask before believing in it again."""
        self._seen_at = -math.inf

    async def offer(self) -> Capabilities:
        """What it offers, at most as old as the patience allows. Raises ``Unavailable``."""
        now = self._clock.monotonic()
        if self._problem is not None:
            await self._ask_again()
        elif now - self._offered_at >= self._patience.offer:
            await self._ask(self._find_out)
        if self._problem is not None or self._offer is None:
            raise Unavailable(detail=self._problem)
        return self._offer

    async def look(self) -> None:
        """Make sure of what ``problem`` says, where it is not known from something recent."""
        if self._problem is not None:
            await self._ask_again()
        elif self._clock.monotonic() - self._seen_at >= self._patience.seen:
            await self._ask(self._ping)

    async def aclose(self, problem: str) -> None:
        """Ask no more."""
        self._problem, self._retry_at = problem, math.inf
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        self._problem = problem

    async def _ask_again(self) -> None:
        """One that was down is asked for everything: it may come back as another."""
        if self._clock.monotonic() >= self._retry_at:
            await self._ask(self._find_out)

    async def _find_out(self) -> None:
        self._offer = await self._discover()
        self._offered_at = self._clock.monotonic()

    async def _ask(self, question: Callable[[], Awaitable[None]]) -> None:
        """Whoever comes while a question is under way waits for its answer."""
        if self._asking is None:
            self._asking = asyncio.create_task(
                self._answered(question), name=f"remote-ask-{self._name}"
            )
        asking = self._asking
        try:
            await asyncio.shield(asking)
        except asyncio.CancelledError:
            if not asking.cancelled():  # our own caller was cancelled, not the question
                raise

    async def _answered(self, question: Callable[[], Awaitable[None]]) -> None:
        try:
            await question()
        except BackendError as error:
            self._problem = self._hide(error.detail or error.sentence)
            self._retry_at = self._clock.monotonic() + self._pause
            self._pause = min(2 * self._pause, self._patience.longest_retry)
        else:
            self._problem = None
            self._pause = self._patience.retry
            self._seen_at = self._clock.monotonic()
        finally:
            self._asking = None
