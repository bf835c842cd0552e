"""What must hold after any crash, held between the bot's database and what members see."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bot.sandbox import SeenMessage
from bot.sandbox.wire import as_text
from generation.infotext import parse, read_png
from generation.types import JobState

_BUTTON = re.compile(r"easel:\d+:(?P<action>[a-z]+):(?P<job>[0-9A-Za-z_-]+)")
_LOOK_SECONDS = 0.02

Fetch = Callable[[str], Awaitable[bytes]]

UNFINISHED = tuple(state.value for state in JobState if not state.is_final)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """An interaction that asked for pictures. Whatever has the same words is as good as it."""

    interaction: str
    owner: str
    prompt: str

    @property
    def key(self) -> str:
        """What the bot knows the interaction by."""
        return f"interaction:{self.interaction}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A job as the database has it."""

    id: str
    key: str
    owner: str
    state: str
    pictures: int


def rows(database: Path) -> list[Row]:
    """Every job, read beside the bot. There are none while it has made no database."""
    if not database.exists():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        try:
            found = connection.execute("SELECT id, dedupe_key, owner, state, pictures FROM jobs")
        except sqlite3.OperationalError:  # its first start was cut short
            return []
        return [
            Row(id=id_, key=key, owner=owner, state=state, pictures=pictures)
            for id_, key, owner, state, pictures in found
        ]


async def until(database: Path, reached: Callable[[list[Row]], bool]) -> None:
    """Wait until the rows are so."""
    while not reached(await asyncio.to_thread(rows, database)):  # noqa: ASYNC110 - a file has no event
        await asyncio.sleep(_LOOK_SECONDS)


async def settled(database: Path) -> None:
    """Wait until every accepted job has come to its end."""
    await until(database, lambda found: all(row.state not in UNFINISHED for row in found))


async def audit(
    database: Path, wishes: Sequence[Wish], messages: Iterable[SeenMessage], fetch: Fetch
) -> list[Row]:
    """Hold every promise against the books, which must be settled. Returns the accepted jobs.

    ``messages`` are all that anyone sees; ``fetch`` gets a picture by its address.
    """
    by_key = {wish.key: wish for wish in wishes}
    accepted = rows(database)
    assert len({row.key for row in accepted}) == len(accepted), "a wish was charged twice"
    assert {row.key for row in accepted} <= by_key.keys(), "a job that nobody asked for"
    about = defaultdict[str, list[SeenMessage]](list)
    for message in messages:
        for job in _jobs(message):
            about[job].append(message)
    assert set(about) <= {row.id for row in accepted}, "a message for a job never accepted"
    for row in accepted:
        assert row.state not in UNFINISHED
        wish = by_key[row.key]
        assert row.owner == wish.owner, "another member's job"
        await _audit_ending(row, wish, about[row.id], fetch)
    return accepted


async def _audit_ending(row: Row, wish: Wish, about: Sequence[SeenMessage], fetch: Fetch) -> None:
    endings = [message for message in about if row.id in _endings(message)]
    assert len(endings) == 1, f"{row.id} ({row.state}) has {len(endings)} endings"
    assert about == endings, "a progress message was left behind"
    (ending,) = endings
    assert wish.prompt in ending.text
    pings = [name for message in about for name in message.pinged]
    assert pings in ([], [row.owner]), f"{row.id} pinged {pings}"
    if row.state != JobState.DONE:
        return
    assert len(ending.pictures) == row.pictures
    for url in ending.pictures:
        told = parse(read_png(await fetch(url)) or "")
        assert told.prompt == wish.prompt, "another wish's picture"


def _jobs(message: SeenMessage) -> set[str]:
    return {match["job"] for match in _buttons(message)}


def _endings(message: SeenMessage) -> set[str]:
    """The jobs whose ending the message shows: waiting and running ones offer to be cancelled."""
    found = list(_buttons(message))
    return set() if any(match["action"] == "cancel" for match in found) else _jobs(message)


def _buttons(message: SeenMessage) -> Iterable[re.Match[str]]:
    ids = (as_text(button.get("custom_id")) for button in message.buttons)
    return [match for custom_id in ids if (match := _BUTTON.match(custom_id))]
