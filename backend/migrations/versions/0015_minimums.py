"""A session knows the smallest amount that each of its payment options takes.

Revision: 0015, after 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import JsonColumn

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # An open session without them is judged by what the providers publish.
    with op.batch_alter_table("checkout_session") as table:
        table.add_column(sa.Column("minimums", JsonColumn, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("checkout_session") as table:
        table.drop_column("minimums")
