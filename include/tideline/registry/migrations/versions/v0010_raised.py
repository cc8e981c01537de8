"""What tables of late alerts and anomalies raised, which version of them was looked at, and what was told of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "raised",
        *_of_a_table(),
        sa.Column("kind", sa.String(63), nullable=False),
        sa.Column("counted", sa.BigInteger, nullable=False),
        sa.Column("newest", sa.BigInteger, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("stream", "table_name", "kind"),
    )
    op.create_table(
        "raised_looks",
        *_of_a_table(),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream", "table_name"),
    )
    op.create_table(
        "raised_told",
        *_of_a_table(),
        sa.Column("kind", sa.String(63), nullable=False),
        sa.Column("notifier", sa.String(63), nullable=False),
        sa.Column("counted", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream", "notifier", "table_name", "kind"),
    )


def downgrade() -> None:
    for name in ("raised_told", "raised_looks", "raised"):
        op.drop_table(name)


def _of_a_table() -> tuple[sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("stream", sa.String(63), sa.ForeignKey("streams.name"), nullable=False),
        sa.Column("table_name", sa.String(16), nullable=False),
    )
