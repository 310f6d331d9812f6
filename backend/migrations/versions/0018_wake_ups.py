"""Recurring work is a row, and the next delivery of a kind is found by an index.

Revision: 0018, after 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recurring_work",
        sa.Column("name", sa.String(length=40), primary_key=True),
        sa.Column("due_at", UtcDateTime(), nullable=False),
    )
    op.drop_index("delivery_due", table_name="delivery")
    op.create_index("delivery_due", "delivery", ["state", "kind", "due_at"])


def downgrade() -> None:
    op.drop_index("delivery_due", table_name="delivery")
    op.create_index("delivery_due", "delivery", ["state", "due_at"])
    op.drop_table("recurring_work")
