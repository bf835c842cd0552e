"""How many shares of the queue a job's owner had when it was accepted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Give every job a weight; those that are there have the usual one."""
    op.add_column("jobs", sa.Column("weight", sa.Float, nullable=False, server_default="1"))
