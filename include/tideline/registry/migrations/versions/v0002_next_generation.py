"""The generation that the next submit begins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("streams", sa.Column("next_generation", sa.Integer))
    op.execute("update streams set next_generation = generation")
    with op.batch_alter_table("streams") as streams:
        streams.alter_column("next_generation", existing_type=sa.Integer, nullable=False)


def downgrade() -> None:
    op.drop_column("streams", "next_generation")
