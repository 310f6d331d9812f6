"""PINs as keyed MACs, and the budgets of wrong PINs.

Revision: 0013, after 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import JsonColumn, UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_OLD_PIN = sa.text("pin_hash IS NOT NULL AND pin_key IS NULL")


def upgrade() -> None:
    op.add_column("card", sa.Column("pin_key", sa.String(length=16), nullable=True))
    op.create_index(
        "card_old_pin", "card", ["account_id"], sqlite_where=_OLD_PIN, postgresql_where=_OLD_PIN
    )
    op.create_table(
        "pin_budget",
        sa.Column("scope", sa.String(length=96), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("recent", JsonColumn, nullable=False),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("last_try_at", UtcDateTime(), nullable=True),
        sa.Column("forget_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_index("ix_pin_budget_forget_at", "pin_budget", ["forget_at"])


def downgrade() -> None:
    """PINs that are MACs by now match nothing any more."""
    op.drop_table("pin_budget")
    op.drop_index("card_old_pin", "card")
    op.drop_column("card", "pin_key")
