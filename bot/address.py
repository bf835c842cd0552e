"""Where a job's messages go: the delivery address that the store keeps as opaque text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Final

TOKEN_LIFE: Final = 14 * 60.0
"""Seconds for which an interaction's token is used. Discord grants 15 minutes; the last one is
left unused, since a token that has died in the meantime counts as an invalid request."""

DEFAULT_FILE_LIMIT: Final = 10 * 1024 * 1024
"""Bytes of one attachment that Discord accepts everywhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """An interaction's answer, or a message of ours, and what may be done there.

    ``token`` is the interaction's, None for a plain message and empty once it is known to be dead;
    ``received_at`` is when it arrived, in UNIX seconds of our own clock. ``message_id`` is the
    message that shows the job, once known. ``private`` answers are seen by their owner alone;
    ``direct`` tells that the channel is the bot's private messages with the owner, ``reachable``
    that the bot can write to the channel without the token; where that is a public thread,
    ``parent_id`` is the channel it belongs to. ``file_limit`` is bytes a file.
    """

    application_id: int
    owner_id: int
    received_at: float
    token: str | None = None
    channel_id: int | None = None
    parent_id: int | None = None
    guild_id: int | None = None
    message_id: int | None = None
    private: bool = False
    spoiler: bool = False
    direct: bool = False
    reachable: bool = True
    file_limit: int = DEFAULT_FILE_LIMIT
    locale: str = "en-US"

    def __repr__(self) -> str:
        """Without the token: whoever holds it can write in the bot's name."""
        return f"Address(channel_id={self.channel_id}, message_id={self.message_id})"

    def token_lives(self, now: float) -> bool:
        """True while the interaction's token may be used."""
        return bool(self.token) and now - self.received_at < TOKEN_LIFE

    def falls_silent_at(self) -> float | None:
        """When the answer can be edited no more, in UNIX seconds; None if it stays ours to edit."""
        if self.token is None or (self.reachable and not self.private):
            return None
        return self.received_at + TOKEN_LIFE

    def dump(self) -> str:
        """The address as text, for the store."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Address:
        """Read what ``dump`` wrote; unknown keys of a newer version are passed over.

        Raises ``ValueError`` when the text is no address.
        """
        data = json.loads(text)
        known = {item.name for item in fields(cls)}
        try:
            return cls(**{key: value for key, value in data.items() if key in known})
        except (TypeError, AttributeError) as error:
            raise ValueError("not a delivery address") from error
