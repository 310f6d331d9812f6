"""How much of the exact limits is used.

Revision: 0014_l, after 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014_l"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "limit_use",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("whole_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_limit_use_whole_at", "limit_use", ["whole_at"])


def downgrade() -> None:
    op.drop_table("limit_use")
