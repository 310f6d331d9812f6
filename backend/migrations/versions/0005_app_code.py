"""A payment that goes on in an app: what its QR code says. And a session on hold is no longer one
that is being paid.

Revision: 0005, after 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("transaction", "checkout_session")


def _move(before: str, after: str) -> None:
    session = sa.table("checkout_session", sa.column("state"), sa.column("transaction_id"))
    transaction = sa.table("transaction", sa.column("id"), sa.column("status"))
    held = sa.select(transaction.c.id).where(transaction.c.status == "ON_HOLD")
    op.execute(
        session.update()
        .where(session.c.state == before, session.c.transaction_id.in_(held))
        .values(state=after)
    )


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("app_code", sa.String(), nullable=True))
    _move("paying", "on_hold")


def downgrade() -> None:
    _move("on_hold", "paying")
    for table in TABLES:
        op.drop_column(table, "app_code")
