"""The tables, as the code reads and writes them. Their history is in ``migrations``."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

jobs = Table(
    "jobs",
    metadata,
    # The order of admission. Wall time cannot give it: clocks jump.
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(25), nullable=False, unique=True),
    Column("dedupe_key", String(200), nullable=False, unique=True),
    Column("owner", String(64), nullable=False),
    Column("scope", String(64), nullable=False),
    Column("params", JSON, nullable=False),
    # Of the parameters, what SQL needs to see.
    Column("model", String(200), nullable=False),
    Column("pictures", Integer, nullable=False),
    Column("work", Float, nullable=False),
    Column("weight", Float, nullable=False, server_default="1"),
    Column("delivery", Text, nullable=False),
    Column("parent", String(25)),
    Column("accepted_at", Float, nullable=False),
    Column("deadline", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("outcome", String(16)),
    Column("attempts", Integer, nullable=False),
    Column("cancel_asked", Boolean, nullable=False),
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("delivered_at", Float),
    Column("seconds", Float),
    Column("backend", String(200)),
    Column("boot_id", String(200)),
    Column("notes", JSON, nullable=False),
    Column("fault_code", String(64)),
    Column("fault_sentence", Text),
    Index(None, "state", "number"),
    Index(None, "owner", "scope", "accepted_at"),
    Index(None, "model", "ended_at"),
    # Numbers of deleted jobs are not given again, or a newer job would seem older.
    sqlite_autoincrement=True,
)

outputs = Table(
    "outputs",
    metadata,
    Column("job", ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("blob", String(64), nullable=False, index=True),
    Column("media_type", String(64), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("flags", JSON, nullable=False),
)

inputs = Table(
    "inputs",
    metadata,
    Column("job", ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("blob", String(64), nullable=False, index=True),
)

limits = Table(
    "limits",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("field", String(64), primary_key=True),
    Column("value", Integer, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
)
