"""Which notice of which trouble a notifier sent last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("stream", sa.String(63), sa.ForeignKey("streams.name"), nullable=False),
        sa.Column("notifier", sa.String(63), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("transition", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream", "notifier", "reason", "severity"),
    )


def downgrade() -> None:
    op.drop_table("notices")
