"""Which stored pictures the database refers to."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.engine import Connection

from generation.store import tables
from generation.types import BlobId

T = TypeVar("T")

_TABLES = (tables.inputs, tables.outputs)
_IDS_PER_QUERY = 500  # below every build of SQLite's limit on bound values


def of_jobs(connection: Connection, numbers: Collection[int]) -> frozenset[BlobId]:
    """Every blob that is an input or output of the jobs."""
    found: set[BlobId] = set()
    for some in _portions(numbers):
        for table in _TABLES:
            query = select(table.c.blob).where(table.c.job.in_(some))
            found.update(BlobId(blob) for blob in connection.execute(query).scalars())
    return frozenset(found)


def unreferenced(connection: Connection, blobs: Collection[BlobId]) -> frozenset[BlobId]:
    """Those of the blobs that no job has as input or output."""
    referenced: set[BlobId] = set()
    for some in _portions(blobs):
        for table in _TABLES:
            query = select(table.c.blob).where(table.c.blob.in_(some))
            referenced.update(BlobId(blob) for blob in connection.execute(query).scalars())
    return frozenset(blobs) - referenced


def _portions(items: Collection[T]) -> Iterator[list[T]]:
    everything = list(items)
    for start in range(0, len(everything), _IDS_PER_QUERY):
        yield everything[start : start + _IDS_PER_QUERY]
