"""The drivers lost since a stream was last STABLE, and what was asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("streams", sa.Column("asked_for", sa.String(16)))
    op.add_column("streams", sa.Column("losses", sa.Integer))
    op.add_column("streams", sa.Column("lost", sa.Text))
    op.execute("update streams set losses = 0")
    with op.batch_alter_table("streams") as streams:
        streams.alter_column("losses", existing_type=sa.Integer, nullable=False)


def downgrade() -> None:
    for name in ("lost", "losses", "asked_for"):
        op.drop_column("streams", name)
