"""What was set for a scope: its limits, and named values."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection

from generation.limits import LIMITS, Limits
from generation.store import tables
from generation.store.database import Database
from generation.types import ScopeId

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


class Settings:
    """The ``limits`` and ``settings`` tables. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def limits(self, scope: ScopeId, defaults: Limits) -> Limits:
        """The scope's limits: its own where it has some, else the defaults."""
        return await self._database.transact(lambda c: limits_of(c, scope, defaults))

    async def set_limit(self, scope: ScopeId, field: str, value: int, defaults: Limits) -> Limits:
        """Store one limit of the scope, and return all that apply there then.

        One that equals the default follows it from then on.
        """
        table = tables.limits

        def work(connection: Connection) -> Limits:
            connection.execute(delete(table).where(table.c.scope == scope, table.c.field == field))
            if value != getattr(defaults, field):
                connection.execute(insert(table).values(scope=scope, field=field, value=value))
            return limits_of(connection, scope, defaults)

        return await self._database.transact(work)

    async def get(self, scope: ScopeId, key: str) -> JsonValue:
        """The value stored under a key, None if there is none."""
        query = select(tables.settings.c.value).where(
            tables.settings.c.scope == scope, tables.settings.c.key == key
        )
        value: JsonValue = await self._database.transact(
            lambda c: c.execute(query).scalar_one_or_none()
        )
        return value

    async def find(self, scope: ScopeId, prefix: str) -> dict[str, JsonValue]:
        """The values of all keys that begin so, by what follows."""
        table = tables.settings
        query = select(table.c.key, table.c.value).where(
            table.c.scope == scope, table.c.key.startswith(prefix, autoescape=True)
        )
        return await self._database.transact(
            lambda c: {row.key.removeprefix(prefix): row.value for row in c.execute(query)}
        )

    async def set(self, scope: ScopeId, key: str, value: JsonValue) -> None:
        """Store a value under a key; None forgets the key."""
        table = tables.settings

        def work(connection: Connection) -> None:
            connection.execute(delete(table).where(table.c.scope == scope, table.c.key == key))
            if value is not None:
                connection.execute(insert(table).values(scope=scope, key=key, value=value))

        await self._database.transact(work)


def limits_of(connection: Connection, scope: ScopeId, defaults: Limits) -> Limits:
    """The scope's limits, inside a transaction of the caller's."""
    query = select(tables.limits.c.field, tables.limits.c.value).where(
        tables.limits.c.scope == scope
    )
    known = {info.field for info in LIMITS}
    own = {row.field: row.value for row in connection.execute(query) if row.field in known}
    return replace(defaults, **own)
