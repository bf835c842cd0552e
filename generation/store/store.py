"""The store: jobs and settings in one database, and the forgetting of a person."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, bindparam, delete, select
from sqlalchemy.engine import Connection

from generation.store import pictures, tables
from generation.store.database import Database
from generation.store.jobs import Jobs
from generation.store.settings import Settings
from generation.types import BlobId, JobState, OwnerId

_FINAL = [state for state in JobState if state.is_final]

_jobs = tables.jobs


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgotten:
    """What was forgotten: how many jobs, and the blobs that nothing refers to now."""

    jobs: int
    blobs: frozenset[BlobId]


class Store:
    """The database. Closing it waits for nothing: every method is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.jobs = Jobs(database)
        self.settings = Settings(database)

    @classmethod
    async def open(cls, url: str) -> Store:
        """Open ``sqlite:///path``, creating or migrating it as needed.

        Raises ``StorageError`` when the file cannot be used; its detail says what to do.
        """
        return cls(await Database.open(url))

    async def aclose(self) -> None:
        """Close the database. Safe to call twice."""
        await self._database.aclose()

    async def forget_owner(self, owner: OwnerId) -> Forgotten:
        """Delete every row that belongs to the owner, in whatever state."""

        def work(connection: Connection) -> Forgotten:
            own = select(_jobs.c.number).where(_jobs.c.owner == owner)
            forgotten = _forget_jobs(connection, own)
            for table in tables.metadata.sorted_tables:
                if "owner" in table.c:
                    connection.execute(delete(table).where(table.c.owner == owner))
            return forgotten

        return await self._database.transact(work)

    async def forget_ended_before(self, moment: float, *, most: int = 200) -> Forgotten:
        """Delete jobs that ended before ``moment`` (UNIX seconds) and are final, the oldest first.

        At most ``most`` of them, so that nobody waits long for the database: call again until
        there are none.
        """
        old = (
            select(_jobs.c.number)
            .where(_jobs.c.state.in_(_FINAL), _jobs.c.ended_at < moment)
            .order_by(_jobs.c.number)
            .limit(most)
        )
        return await self._database.transact(lambda c: _forget_jobs(c, old))


def _forget_jobs(connection: Connection, chosen: Select[int]) -> Forgotten:
    numbers = list(connection.execute(chosen).scalars())
    blobs = pictures.of_jobs(connection, numbers)
    if numbers:
        rows = [{"gone": number} for number in numbers]
        connection.execute(delete(_jobs).where(_jobs.c.number == bindparam("gone")), rows)
    return Forgotten(jobs=len(numbers), blobs=pictures.unreferenced(connection, blobs))
