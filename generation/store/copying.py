"""Copies of a database: consistent at one moment, whoever writes to it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import NullPool, create_engine, exc
from sqlalchemy.engine import URL, Connection

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
    await asyncio.to_thread(_copy, source, target)


async def contents(database: Path) -> tuple[int, list[BlobId]]:
    """How many jobs a copy holds, and the pictures that they refer to. Raises ``StorageError``."""
    return await asyncio.to_thread(_contents, database)


def _copy(source: Path, target: Path) -> None:
    unfinished = target.with_name(f".{target.name}.new")
    try:
        unfinished.unlink(missing_ok=True)
        with _reading(source) as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(unfinished),))
        with _reading(unfinished) as copy:
            answer = copy.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if answer != "ok":
            raise StorageError(detail=f"the copy of the database is damaged ({answer})")
        unfinished.replace(target)
    except OSError as error:
        raise StorageError(detail=f"copying the database: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _contents(database: Path) -> tuple[int, list[BlobId]]:
    with _reading(database) as copy:
        jobs = copy.exec_driver_sql(_JOBS).scalar_one()
        return int(jobs), [BlobId(blob) for blob in copy.exec_driver_sql(_BLOBS).scalars()]


@contextmanager
def _reading(path: Path) -> Iterator[Connection]:
    """A connection that cannot write to the file. Raises ``StorageError`` for what fails on it."""
    url = URL.create(
        "sqlite", database=path.absolute().as_uri(), query={"mode": "ro", "uri": "true"}
    )
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    except exc.DBAPIError as error:
        raise StorageError(detail=f"copying the database: {error.orig}") from error
    finally:
        engine.dispose()
