"""An interaction: its kinds, the kinds of answer, and its state."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import IntEnum

from bot.sandbox.clock import Timer
from bot.sandbox.guild import Channel
from bot.sandbox.message import Message
from bot.sandbox.wire import JsonObject


class InteractionType(IntEnum):
    """Kinds of interaction."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class AnswerType(IntEnum):
    """Kinds of first answer."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


@dataclass(slots=True, kw_only=True, eq=False)
class Interaction:
    """One interaction and what became of it.

    `source` is the message whose component was used; `original` what `@original` means.
    """

    id: str
    token: str
    type: InteractionType
    user_id: str
    channel: Channel
    created_at: float
    data: JsonObject
    metadata: JsonObject
    nonce: str
    file_size_limit: int
    source: Message | None = None
    command_type: int | None = None
    command_name: str | None = None
    answer: AnswerType | None = None
    answered_at: float | None = None
    failed: bool = False
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    modal: JsonObject | None = None
    deadline: Timer | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether the bot has answered in time."""
        return self.answer is not None


def new_token() -> str:
    """Make an interaction token: long and unguessable, like Discord's."""
    return secrets.token_urlsafe(96)
