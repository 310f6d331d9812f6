"""First schema, the second half

Revision: 0002, after 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import JsonColumn, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "card_token",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("card", sa.String(), nullable=False),
        sa.Column("ref_id", sa.String(length=255), nullable=True),
        sa.Column("number_hash", sa.String(length=64), nullable=False),
        sa.Column("mask", sa.String(), nullable=False),
        sa.Column("format", JsonColumn, nullable=False),
        sa.Column("sealed", sa.String(), nullable=True),
        sa.Column("expires_in", sa.Integer(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("single_use", sa.Boolean(), nullable=False),
        sa.Column("used_by", sa.String(), nullable=True),
        sa.Column("metadata", JsonColumn, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["card"],
            ["card.id"],
        ),
        sa.ForeignKeyConstraint(
            ["used_by"],
            ["wallet_transaction.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("card", "ref_id", name="card_token_card_ref_id"),
        sa.UniqueConstraint("number_hash", name="card_token_number_hash"),
    )
    with op.batch_alter_table("card_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_card_token_card"), ["card"], unique=False)
        batch_op.create_index(batch_op.f("ix_card_token_used_by"), ["used_by"], unique=False)

    op.create_table(
        "delivery_try",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("delivery_id", sa.String(), nullable=False),
        sa.Column("method", sa.String(length=4), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("request_headers", JsonColumn, nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("response_body", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["delivery.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("delivery_try", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_delivery_try_delivery_id"), ["delivery_id"], unique=False
        )

    op.create_table(
        "hold",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("card", sa.String(), nullable=False),
        sa.Column("wallet_transaction_id", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("posted", sa.BigInteger(), nullable=False),
        sa.Column("carried_to", sa.String(), nullable=True),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("amount > 0", name="hold_amount_positive"),
        sa.ForeignKeyConstraint(
            ["card"],
            ["card.id"],
        ),
        sa.ForeignKeyConstraint(
            ["carried_to"],
            ["hold.id"],
        ),
        sa.ForeignKeyConstraint(
            ["wallet_transaction_id"],
            ["wallet_transaction.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_card"), ["card"], unique=False)
        batch_op.create_index(batch_op.f("ix_hold_state"), ["state"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_hold_wallet_transaction_id"), ["wallet_transaction_id"], unique=False
        )

    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("card", sa.String(), nullable=False),
        sa.Column("wallet_transaction_id", sa.String(), nullable=False),
        sa.Column("movement", sa.String(length=8), nullable=False),
        sa.Column("debit", sa.String(length=9), nullable=False),
        sa.Column("credit", sa.String(length=9), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("amount > 0", name="ledger_entry_amount_positive"),
        sa.CheckConstraint("debit <> credit", name="ledger_entry_two_accounts"),
        sa.ForeignKeyConstraint(
            ["card"],
            ["card.id"],
        ),
        sa.ForeignKeyConstraint(
            ["wallet_transaction_id"],
            ["wallet_transaction.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("ledger_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_entry_card"), ["card"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_ledger_entry_wallet_transaction_id"),
            ["wallet_transaction_id"],
            unique=False,
        )

    op.create_table(
        "session_gift_card",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("card", sa.String(), nullable=False),
        sa.Column("preset", sa.Boolean(), nullable=False),
        sa.Column("pin_version", sa.Integer(), nullable=False),
        sa.Column("token_id", sa.String(), nullable=True),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["card"],
            ["card.id"],
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["checkout_session.id"],
        ),
        sa.ForeignKeyConstraint(
            ["token_id"],
            ["card_token.id"],
        ),
        sa.PrimaryKeyConstraint("session_id"),
    )
    with op.batch_alter_table("session_gift_card", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_gift_card_card"), ["card"], unique=False)

    op.create_table(
        "transaction",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("payment_product_type", sa.String(length=64), nullable=False),
        sa.Column("merchant_reference", sa.String(), nullable=False),
        sa.Column("merchant_reference_2", sa.String(), nullable=True),
        sa.Column("payment_operation", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("store_id", sa.String(), nullable=True),
        sa.Column("terminal_id", sa.String(), nullable=True),
        sa.Column("payout_destination_id", sa.String(), nullable=True),
        sa.Column("card_brand", sa.String(), nullable=True),
        sa.Column("snapshot", JsonColumn, nullable=False),
        sa.Column("payment_card", JsonColumn, nullable=True),
        sa.Column("gift_card", sa.String(), nullable=True),
        sa.Column("gift_card_shown", JsonColumn, nullable=True),
        sa.Column("hold_id", sa.String(), nullable=True),
        sa.Column("psp_reference", sa.String(), nullable=True),
        sa.Column("redirect_url", sa.String(), nullable=True),
        sa.Column("return_ref", sa.String(length=36), nullable=False),
        sa.Column("multi_capture", sa.Boolean(), nullable=False),
        sa.Column("psp_authorized", sa.BigInteger(), nullable=False),
        sa.Column("psp_captured", sa.BigInteger(), nullable=False),
        sa.Column("psp_refunded", sa.BigInteger(), nullable=False),
        sa.Column("psp_released", sa.BigInteger(), nullable=False),
        sa.Column("card_authorized", sa.BigInteger(), nullable=False),
        sa.Column("card_captured", sa.BigInteger(), nullable=False),
        sa.Column("card_refunded", sa.BigInteger(), nullable=False),
        sa.Column("card_released", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["gift_card"],
            ["card.id"],
        ),
        sa.ForeignKeyConstraint(
            ["hold_id"],
            ["hold.id"],
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["checkout_session.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("transaction", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_transaction_psp_reference"), ["psp_reference"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_transaction_session_id"), ["session_id"], unique=False)
        batch_op.create_index("transaction_customer", ["account_id", "customer_id"], unique=False)
        batch_op.create_index(
            "transaction_merchant_reference", ["account_id", "merchant_reference"], unique=False
        )
        batch_op.create_index(
            "transaction_merchant_reference_2", ["account_id", "merchant_reference_2"], unique=False
        )
        batch_op.create_index(
            "transaction_newest", ["account_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "transaction_one_live_per_session",
            ["session_id"],
            unique=True,
            sqlite_where=sa.text("status <> 'FAILED'"),
            postgresql_where=sa.text("status <> 'FAILED'"),
        )
        batch_op.create_index("transaction_store", ["account_id", "store_id"], unique=False)

    op.create_table(
        "auto_capture",
        sa.Column("transaction_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.Column("give_up_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transaction.id"],
        ),
        sa.PrimaryKeyConstraint("transaction_id"),
    )
    with op.batch_alter_table("auto_capture", schema=None) as batch_op:
        batch_op.create_index("auto_capture_due", ["state", "due_at"], unique=False)

    op.create_table(
        "operation",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("transaction_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=9), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("card_amount", sa.BigInteger(), nullable=False),
        sa.Column("psp_amount", sa.BigInteger(), nullable=False),
        sa.Column("captured_before", sa.BigInteger(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("request", JsonColumn, nullable=False),
        sa.Column("raw", JsonColumn, nullable=False),
        sa.Column("error", JsonColumn, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transaction.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("operation", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_operation_transaction_id"), ["transaction_id"], unique=False
        )
        batch_op.create_index("operation_due", ["state", "due_at"], unique=False)
        batch_op.create_index(
            "operation_one_open_per_transaction",
            ["transaction_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('pending', 'unknown')"),
            postgresql_where=sa.text("state IN ('pending', 'unknown')"),
        )

    op.create_table(
        "transaction_event",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("transaction_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("transaction_status", sa.String(length=32), nullable=False),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("card_amount", sa.BigInteger(), nullable=False),
        sa.Column("wallet_transaction_id", sa.String(), nullable=True),
        sa.Column("event_reference", sa.String(), nullable=True),
        sa.Column("items", JsonColumn, nullable=False),
        sa.Column("metadata", JsonColumn, nullable=False),
        sa.Column("error", JsonColumn, nullable=True),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("correlation_request_id", sa.String(length=36), nullable=True),
        sa.Column("request_headers", JsonColumn, nullable=False),
        sa.Column("calculated_vat_amount", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transaction.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("transaction_id", "seq", name="transaction_event_order"),
    )
    with op.batch_alter_table("transaction_event", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_transaction_event_transaction_id"), ["transaction_id"], unique=False
        )

    op.create_table(
        "transaction_term",
        sa.Column("transaction_id", sa.String(), nullable=False),
        sa.Column("term", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=9), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transaction.id"],
        ),
        sa.PrimaryKeyConstraint("transaction_id", "term"),
    )
    with op.batch_alter_table("transaction_term", schema=None) as batch_op:
        batch_op.create_index("transaction_term_search", ["account_id", "term"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first schema")
