"""Refunds that a provider took back after it had confirmed them.

Revision: 0009, after 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import JsonColumn, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A new column is no change of what is written: the table stays append only.
    op.add_column("transaction_event", sa.Column("correction", JsonColumn, nullable=True))
    op.create_table(
        "refund_watch",
        sa.Column("operation_id", sa.String(length=36), nullable=False),
        sa.Column("transaction_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["operation_id"], ["operation.id"]),
        sa.ForeignKeyConstraint(["transaction_id"], ["transaction.id"]),
        sa.PrimaryKeyConstraint("operation_id"),
    )
    op.create_index("refund_watch_due", "refund_watch", ["state", "due_at"])
    op.create_index("ix_refund_watch_transaction_id", "refund_watch", ["transaction_id"])


def downgrade() -> None:
    op.drop_table("refund_watch")
    op.drop_column("transaction_event", "correction")
