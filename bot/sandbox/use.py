"""One use of a command, component or form: what the member learns of it, and waiting for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.sandbox.seen import SeenMessage, SeenModal
from bot.sandbox.wire import JsonObject

if TYPE_CHECKING:
    from bot.sandbox.client import Member


class NoAnswerError(Exception):
    """The bot did not answer an interaction."""


@dataclass(slots=True, eq=False)
class Use:
    """One use of a command, component or form, and what came of it so far."""

    member: Member
    nonce: str
    channel_id: str
    id: str = ""
    states: list[str] = field(default_factory=list)
    modal: SeenModal | None = None
    choices: list[JsonObject] | None = None
    error: str | None = None
    message_id: str | None = None

    @property
    def message(self) -> SeenMessage | None:
        """The answer as it looks now; None while there is none, or once it is deleted."""
        return None if self.message_id is None else self.member.seen.get(self.message_id)

    async def acknowledged(self) -> Use:
        """Wait for the bot's first answer of any kind; raises `NoAnswerError` where none comes."""
        return await self._reached("deferred", "answered", "modal", "autocomplete")

    async def answered(self) -> SeenMessage:
        """Wait for the answer itself, past "thinking", and return it."""
        await self._reached("answered")
        message = self.message
        if message is None:
            raise NoAnswerError("the answer has been deleted")
        return message

    async def form(self) -> SeenModal:
        """Wait for a form as the answer and return it."""
        await self._reached("modal")
        if self.modal is None:
            raise NoAnswerError("the bot answered otherwise than with a form")
        return self.modal

    async def failed(self) -> str:
        """Wait until the interaction fails and return what the member reads."""
        await self.member.until(lambda: "failed" in self.states)
        return self.error or ""

    async def message_where(self, predicate: Callable[[SeenMessage], bool]) -> SeenMessage:
        """Wait until the answer, however often it is edited, fits the predicate."""
        found: list[SeenMessage] = []

        def fits() -> bool:
            message = self.message
            if message is not None and predicate(message):
                found.append(message)
            return bool(found)

        await self.member.until(fits)
        return found[0]

    async def _reached(self, *states: str) -> Use:
        await self.member.until(lambda: not {"failed", *states}.isdisjoint(self.states))
        if not set(states) & set(self.states):
            raise NoAnswerError(self.error or "the bot did not answer")
        return self
