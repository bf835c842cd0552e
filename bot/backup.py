"""`easel backup`: a copy of everything the bot keeps, beside a bot that may be running."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.endings import ExitCode
from generation.backup import back_up


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupOptions:
    """What is copied, ``database`` and the rest of ``data``, and where to.

    ``target`` None is a new folder below ``backups`` in the data directory.
    """

    database: Path
    data: Path
    target: Path | None = None
    pictures: bool = True


async def run_backup(options: BackupOptions, *, now: datetime, say: Callable[[str], None]) -> int:
    """Make the copy and tell what is in it and how to use it. Raises ``StorageError``."""
    target = options.target or options.data / "backups" / f"easel-{now:%Y-%m-%d-%H%M%S}"
    made = await back_up(options.database, options.data, target, pictures=options.pictures)
    pictures = f"{made.pictures} pictures" if options.pictures else "no pictures"
    say(f"{made.jobs} jobs and {pictures} were copied to {target}")
    say(
        "To go back to them: stop the bot, move the data directory away, "
        f"and put this folder in its place ({options.data})."
    )
    return ExitCode.OK
