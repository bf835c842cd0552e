"""What happens in the world: typed events, and the bus that tells the gateway and the pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from bot.sandbox.wire import JsonObject

if TYPE_CHECKING:
    from bot.sandbox.guild import Channel, Guild
    from bot.sandbox.message import Message

InteractionState: TypeAlias = Literal[
    "sent", "deferred", "answered", "modal", "autocomplete", "failed"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent:
    """A message came, changed or went."""

    change: Literal["create", "update", "delete"]
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionEvent:
    """Somebody put a reaction on a message or took it off."""

    added: bool
    message: Message
    user_id: str
    emoji: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEvent:
    """A channel or thread came, changed or went."""

    change: Literal["create", "update", "delete"]
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildEvent:
    """The bot joined a guild or was removed from it, or the guild itself changed."""

    change: Literal["create", "update", "delete"]
    guild: Guild


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberEvent:
    """Somebody joined a guild, changed in it or left it."""

    change: Literal["add", "update", "remove"]
    guild: Guild
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TypingEvent:
    """Somebody types."""

    channel: Channel
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionEvent:
    """A member's interaction reached the bot: the gateway's INTERACTION_CREATE."""

    payload: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """What the member who began an interaction learns of it."""

    user_id: str
    interaction_id: str
    nonce: str
    state: InteractionState
    message: Message | None = None
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsEvent:
    """The application's commands changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStatusEvent:
    """The bot came online, went offline or changed its presence."""


Event: TypeAlias = (
    MessageEvent
    | ReactionEvent
    | ChannelEvent
    | GuildEvent
    | MemberEvent
    | TypingEvent
    | InteractionEvent
    | ProgressEvent
    | CommandsEvent
    | BotStatusEvent
)


class Bus:
    """Hands each event to every listener at once, in the order they subscribed."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with every event from now on."""
        self._listeners.append(listener)

    def publish(self, event: Event) -> None:
        """Tell everybody."""
        for listener in tuple(self._listeners):
            listener(event)
