"""Every spec that a stream was asked to run by; of those known before, the last and the last that was stable."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_FROM = "insert into specs (stream, number, spec, asked_by, at, stable_at)"


def upgrade() -> None:
    op.create_table(
        "specs",
        sa.Column("stream", sa.String(63), sa.ForeignKey("streams.name"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("asked_by", sa.String(200), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("stable_at", sa.BigInteger),
        sa.Column("refused", sa.Text),
        sa.PrimaryKeyConstraint("stream", "number"),
    )
    op.execute(
        f"{_FROM} select name, 1, stable_spec, asked_by, updated_at, updated_at from streams"
        " where stable_spec is not null"
    )
    op.execute(
        f"{_FROM} select name, 2, spec, asked_by, updated_at, null from streams"
        " where stable_spec is null or stable_spec <> spec"
    )


def downgrade() -> None:
    op.drop_table("specs")
