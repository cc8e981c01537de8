"""By when a deploy is to be proved, and why one was refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("streams", sa.Column("prove_by", sa.BigInteger))
    op.add_column("streams", sa.Column("refused", sa.Text))


def downgrade() -> None:
    op.drop_column("streams", "refused")
    op.drop_column("streams", "prove_by")
