"""What was seen of a stream every half minute."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "samples",
        sa.Column("stream", sa.String(63), sa.ForeignKey("streams.name"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        *(sa.Column(name, sa.BigInteger) for name in ("backlog", "read", "watermark", "batch", "batch_ms", "rows")),
        sa.PrimaryKeyConstraint("stream", "at"),
    )


def downgrade() -> None:
    op.drop_table("samples")
