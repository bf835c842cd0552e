"""Copies of a database: consistent at one moment, whoever writes to it meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiosqlite

from generation.errors import StorageError
from generation.types import BlobId

_JOBS = "SELECT count(*) FROM jobs"
_BLOBS = "SELECT blob FROM outputs UNION SELECT blob FROM inputs"


async def copy_database(source: Path, target: Path) -> None:
    """Write a copy of ``source`` to ``target``, whole or not at all.

    It is one file without a log beside it, which whoever restores it might forget. Another
    process may go on writing to the source. Raises ``StorageError`` when the source is no sound
    database, or the copy cannot be written.
    """
    unfinished = target.with_name(f".{target.name}.new")
    try:
        await asyncio.to_thread(unfinished.unlink, missing_ok=True)
        async with _reading(source) as connection:
            await connection.execute("VACUUM INTO ?", (str(unfinished),))
        async with _reading(unfinished) as copy:
            (answer,) = await _row(copy, "PRAGMA quick_check(1)")
        if answer != "ok":
            raise StorageError(detail=f"the copy of the database is damaged ({answer})")
        await asyncio.to_thread(unfinished.replace, target)
    except (OSError, aiosqlite.Error) as error:
        raise StorageError(detail=f"copying the database: {error}") from error
    finally:
        await asyncio.to_thread(unfinished.unlink, missing_ok=True)


async def contents(database: Path) -> tuple[int, list[BlobId]]:
    """How many jobs a copy holds, and the pictures that they refer to. Raises ``StorageError``."""
    try:
        async with _reading(database) as copy:
            (jobs,) = await _row(copy, _JOBS)
            async with copy.execute(_BLOBS) as blobs:
                return int(str(jobs)), [BlobId(blob) async for (blob,) in blobs]
    except aiosqlite.Error as error:
        raise StorageError(detail=f"reading the copy of the database: {error}") from error


def _reading(path: Path) -> aiosqlite.Connection:
    return aiosqlite.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


async def _row(connection: aiosqlite.Connection, query: str) -> tuple[object, ...]:
    async with connection.execute(query) as cursor:
        return tuple(await cursor.fetchone() or ())
