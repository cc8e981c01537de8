"""How near what was not read is to its removal by Kafka, by each look that is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("samples", sa.Column("unread", sa.Double))


def downgrade() -> None:
    op.drop_column("samples", "unread")
