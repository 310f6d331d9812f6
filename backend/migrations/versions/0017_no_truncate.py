"""PostgreSQL refuses TRUNCATE of what is append only: triggers for rows do not see it.

Revision: 0017, after 0010. The number is out of turn: installations had this schema under it before
those from 0012 on were made, and a revision that a database may name keeps its name.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = (
    "ledger_entry", "wallet_transaction", "transaction_event", "session_event", "delivery_try",
    "receipt", "receipt_message",
)  # fmt: skip


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return  # SQLite has no TRUNCATE, and a DELETE without a condition meets the row's trigger.
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    for table in TABLES:
        op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
