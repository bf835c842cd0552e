"""The connection: how a database is opened, brought up to date, and one transaction run on it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, cast

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, exc, text
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from generation.errors import StorageError
from generation.shield import see_through
from generation.store.copying import copy_database
from generation.store.tables import metadata

T = TypeVar("T")

_log = logging.getLogger(__name__)

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MILLISECONDS = 5_000
_PRAGMAS = (
    "journal_mode = WAL",
    # A commit that was reported survives a power cut; costs one fdatasync, about 0.2 ms.
    "synchronous = FULL",
    "foreign_keys = ON",
    f"busy_timeout = {_BUSY_MILLISECONDS}",
    # Deleted prompts are overwritten, not just unlinked.
    "secure_delete = ON",
)


class Database:
    """One SQLite file behind one connection in a thread of its own.

    Writers queue for that thread and not in SQLite, and a transaction crosses to it once, however
    many statements it has: the event loop neither waits for the disk nor builds rows.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    @classmethod
    async def open(cls, url: str) -> Database:
        """Connect and migrate, after a copy. ``url`` is ``sqlite:///path``.

        Raises ``StorageError`` when the file cannot be opened, is damaged, is no Easel database
        or was written by a newer version.
        """
        history = await asyncio.to_thread(_History)
        # Off the loop as well: SQLAlchemy resolves the path on disk.
        parsed = _parsed(url)
        database = cls(await asyncio.to_thread(_engine, parsed))
        try:
            await database.transact(_check_health)
            if await database.transact(history.is_behind):
                await _copy_first(Path(parsed.database or ""), history.head)
            await database.transact(history.upgrade)
        except BaseException:
            await database.aclose()
            raise
        return database

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """Run ``work``, in the database's thread, in one transaction that may write from its start.

        Once begun it ends, committed or rolled back, even if the caller is cancelled. Raises
        ``StorageError`` for whatever the database itself cannot do, and when it is closed.
        """
        return await see_through(self._in_thread(work), name="store transaction")

    async def aclose(self) -> None:
        """End what was asked for before, and close the connection. Safe to call twice."""
        await asyncio.to_thread(self._thread.shutdown)
        await asyncio.to_thread(self._engine.dispose)

    async def _in_thread(self, work: Callable[[Connection], T]) -> T:
        try:
            done = self._thread.submit(self._transact, work)
        except RuntimeError as error:
            raise StorageError(detail="database: it is closed") from error
        return await asyncio.wrap_future(done)

    def _transact(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except (exc.OperationalError, exc.DatabaseError) as error:
            if isinstance(error, exc.IntegrityError | exc.ProgrammingError):
                raise  # our mistake, not the disk's
            raise StorageError(detail=f"database: {error.orig}") from error


async def _copy_first(path: Path, revision: str) -> None:
    """Keep the database as it was before it is migrated, beside it."""
    copy = path.with_name(f"{path.name}.before-{revision}")
    await copy_database(path, copy)
    _log.info("store.copied_before_migration copy=%s", copy.name)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise StorageError(detail=f"{url!r} is not a database URL") from error
    if parsed.drivername != "sqlite":
        raise StorageError(detail="the database URL must start with sqlite:///")
    return parsed


def _engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        # Opened and closed in other threads than the one that uses it, never at the same time.
        connect_args={"check_same_thread": False},
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver would begin its own, deferred transactions; those fail busy when they upgrade.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check_health(connection: Connection) -> None:
    answer = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
    if answer != "ok":
        raise StorageError(
            detail=f"the database file is damaged ({answer}); restore it from a backup"
        )


class _History:
    """The revisions that this version knows. Reading them blocks; upgrading does not."""

    def __init__(self) -> None:
        self._config = Config()
        self._config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        self._script = ScriptDirectory.from_config(self._config)
        self._known = {revision.revision for revision in self._script.walk_revisions()}
        self.head = self._script.get_current_head() or ""

    def is_behind(self, connection: Connection) -> bool:
        """Whether there is something in the tables, in an older form."""
        current = MigrationContext.configure(connection).get_current_revision()
        return current in self._known and current != self.head

    def upgrade(self, connection: Connection) -> None:
        """Bring the tables up to date. Raises ``StorageError`` if they are ahead of us."""
        current = MigrationContext.configure(connection).get_current_revision()
        if current == self.head:
            return
        if current is not None and current not in self._known:
            raise StorageError(
                detail=f"the database was written by a newer version (its revision is {current});"
                " install that version again, or restore a backup from before it"
            )
        # SQLite cannot alter most things in place: in a batch, Alembic copies the table instead.
        with EnvironmentContext(
            self._config, self._script, fn=self._steps, destination_rev=self.head
        ) as environment:
            environment.configure(connection, target_metadata=metadata, render_as_batch=True)
            environment.run_migrations()
        _log.info("store.migrated from=%s to=%s", current, self.head)

    def _steps(
        self, current: str | tuple[str, ...], _context: MigrationContext
    ) -> Iterable[RevisionStep]:
        # How Alembic's own documentation runs revisions without its command line.
        return self._script._upgrade_revs("head", cast("str", current))  # noqa: SLF001
