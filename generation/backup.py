"""A copy of everything the bot keeps, made while it runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from generation.blobs import Blobs
from generation.errors import PictureGone, StorageError
from generation.store import contents, copy_database


@dataclass(frozen=True, kw_only=True, slots=True)
class Backup:
    """What was copied: how many jobs, and how many pictures of theirs."""

    jobs: int
    pictures: int


async def back_up(database: Path, data: Path, target: Path, *, pictures: bool = True) -> Backup:
    """Copy the database, then the pictures that it names, into the new folder ``target``.

    The folder has the layout of a data directory, and can be used as one. Raises
    ``StorageError`` when something cannot be read or written, or the folder holds files.
    """
    await asyncio.to_thread(_make, target)
    copy = target / database.name
    await copy_database(database, copy)
    jobs, wanted = await contents(copy)
    source, kept = Blobs(data), Blobs(target)
    copied = 0
    for blob in wanted if pictures else ():
        try:
            await kept.put(await source.get(blob))
        except PictureGone:
            continue  # forgotten since the database was copied, or before
        copied += 1
    return Backup(jobs=jobs, pictures=copied)


def _make(target: Path) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise StorageError(detail=f"the folder {target} is not empty; name a new one")
    except OSError as error:
        raise StorageError(detail=f"making the folder {target}: {error.strerror}") from error
