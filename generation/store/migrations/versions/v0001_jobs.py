"""Jobs with their pictures, limits and settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table of the first version."""
    _create_jobs()
    _create_pictures()
    op.create_table(
        "limits",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("scope", "field", name="pk_limits"),
    )
    op.create_table(
        "settings",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name="pk_settings"),
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("id", sa.String(25), nullable=False),
        sa.Column("dedupe_key", sa.String(200), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("pictures", sa.Integer, nullable=False),
        sa.Column("work", sa.Float, nullable=False),
        sa.Column("delivery", sa.Text, nullable=False),
        sa.Column("parent", sa.String(25)),
        sa.Column("accepted_at", sa.Float, nullable=False),
        sa.Column("deadline", sa.Float, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("cancel_asked", sa.Boolean, nullable=False),
        sa.Column("started_at", sa.Float),
        sa.Column("ended_at", sa.Float),
        sa.Column("delivered_at", sa.Float),
        sa.Column("seconds", sa.Float),
        sa.Column("backend", sa.String(200)),
        sa.Column("boot_id", sa.String(200)),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.Column("fault_code", sa.String(64)),
        sa.Column("fault_sentence", sa.Text),
        sa.PrimaryKeyConstraint("number", name="pk_jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
        sa.UniqueConstraint("dedupe_key", name="uq_jobs_dedupe_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_state_number", "jobs", ["state", "number"])
    op.create_index("ix_jobs_owner_scope_accepted_at", "jobs", ["owner", "scope", "accepted_at"])
    op.create_index("ix_jobs_model_ended_at", "jobs", ["model", "ended_at"])


def _create_pictures() -> None:
    op.create_table(
        "outputs",
        sa.Column("job", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("blob", sa.String(64), nullable=False),
        sa.Column("media_type", sa.String(64), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("flags", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("job", "position", name="pk_outputs"),
        sa.ForeignKeyConstraint(
            ["job"], ["jobs.number"], name="fk_outputs_job_jobs", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_outputs_blob", "outputs", ["blob"])
    op.create_table(
        "inputs",
        sa.Column("job", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("blob", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("job", "position", name="pk_inputs"),
        sa.ForeignKeyConstraint(
            ["job"], ["jobs.number"], name="fk_inputs_job_jobs", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_inputs_blob", "inputs", ["blob"])
