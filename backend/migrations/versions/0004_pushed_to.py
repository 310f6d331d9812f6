"""A session knows which phone's wallet app was asked for its payment.

Revision: 0004, after 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkout_session", sa.Column("pushed_to", sa.String(length=20), nullable=True))
    op.add_column("checkout_session", sa.Column("pushed_with", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("checkout_session", "pushed_with")
    op.drop_column("checkout_session", "pushed_to")
