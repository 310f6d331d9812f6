"""How much of the exact limits is used, and whom a delivery goes to.

Revision: 0012, after 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "limit_use",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("whole_at", sa.Float(), nullable=False),
    )
    with op.batch_alter_table("delivery") as table:
        # What was due before is one addressee an account.
        table.add_column(sa.Column("addressee", sa.String(300), nullable=False, server_default=""))
    op.create_index("ix_limit_use_whole_at", "limit_use", ["whole_at"])


def downgrade() -> None:
    with op.batch_alter_table("delivery") as table:
        table.drop_column("addressee")
    op.drop_table("limit_use")
