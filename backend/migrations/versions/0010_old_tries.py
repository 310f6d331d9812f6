"""Budgets of tries are found by their age, to be deleted.

Revision: 0010, after 0009
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INDEX = "ix_try_budget_last_try_at"


def upgrade() -> None:
    op.create_index(_INDEX, "try_budget", ["last_try_at"])


def downgrade() -> None:
    op.drop_index(_INDEX, "try_budget")
