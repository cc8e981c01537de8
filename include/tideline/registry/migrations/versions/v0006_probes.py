"""How often a crash loop was tried since it began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("streams", sa.Column("probes", sa.Integer))
    op.execute("update streams set probes = 0")
    with op.batch_alter_table("streams") as streams:
        streams.alter_column("probes", existing_type=sa.Integer, nullable=False)


def downgrade() -> None:
    op.drop_column("streams", "probes")
