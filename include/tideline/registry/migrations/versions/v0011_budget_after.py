"""Up to which epoch failures are forgiven: whoever asks for another start gives a new budget of restarts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("streams", sa.Column("budget_after", sa.Integer))
    op.execute("update streams set budget_after = 0")
    with op.batch_alter_table("streams") as streams:
        streams.alter_column("budget_after", existing_type=sa.Integer, nullable=False)


def downgrade() -> None:
    op.drop_column("streams", "budget_after")
