"""What the streams' tables have announced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "announced",
        sa.Column("stream", sa.String(63), sa.ForeignKey("streams.name"), nullable=False),
        sa.Column("table_name", sa.String(63), nullable=False),
        sa.Column("told", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream", "table_name"),
    )


def downgrade() -> None:
    op.drop_table("announced")
