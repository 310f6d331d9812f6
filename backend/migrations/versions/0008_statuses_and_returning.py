"""Payments that were declined, or that nobody can tell of, are over; payers who come back.

Revision: 0008, after 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import JsonColumn, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEX = "transaction_one_live_per_session"


def _one_live(where: str) -> None:
    op.drop_index(_INDEX, "transaction")
    condition = sa.text(where)
    op.create_index(
        _INDEX,
        "transaction",
        ["session_id"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def upgrade() -> None:
    _one_live("status NOT IN ('DECLINED', 'FAILED', 'UNKNOWN')")
    with op.batch_alter_table("checkout_session") as batch_op:
        batch_op.add_column(sa.Column("visitor", JsonColumn, nullable=True))
    op.create_table(
        "returning_customer",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=9), nullable=False),
        sa.Column("phone_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("session_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    confirmed = sa.text("confirmed")
    op.create_index(
        "returning_customer_one_of_a_phone",
        "returning_customer",
        ["account_id", "phone_hash"],
        unique=True,
        sqlite_where=confirmed,
        postgresql_where=confirmed,
    )
    op.create_index("ix_returning_customer_session_id", "returning_customer", ["session_id"])
    op.create_index("ix_returning_customer_expires_at", "returning_customer", ["expires_at"])
    op.create_table(
        "confirmation_code",
        sa.Column("session_id", sa.String(length=40), nullable=False),
        sa.Column("phone_hash", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("customer_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["checkout_session.id"]),
        sa.PrimaryKeyConstraint("session_id"),
    )


def downgrade() -> None:
    op.drop_table("confirmation_code")
    op.drop_table("returning_customer")
    with op.batch_alter_table("checkout_session") as batch_op:
        batch_op.drop_column("visitor")
    _one_live("status <> 'FAILED'")
