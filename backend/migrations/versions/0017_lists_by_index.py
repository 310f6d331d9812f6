"""Every list, filter and search has its index, and every foreign key too.

Revision: 0017, after 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from backend.core.db import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_NEWEST = ["created_at", "id"]
_LISTED = {
    "card": {"card_available": "available"},
    "checkout_session": {"checkout_session_reference": "merchant_reference"},
    "delivery": {"delivery_state": "state", "delivery_kind": "kind"},
    "transaction": {
        "transaction_status": "status",
        "transaction_payment_product_type": "payment_product_type",
        "transaction_currency": "currency",
        "transaction_amount": "amount",
        "transaction_merchant_reference": "merchant_reference",
    },
}
"""Indexes by account, this column, and the order of the list."""
_LISTED_IF_GIVEN = {
    "card": {"card_customer": "customer_id"},
    "checkout_session": {
        "checkout_session_email": "customer_email",
        "checkout_session_phone": "customer_phone",
    },
    "transaction": {
        f"transaction_{column}": column
        for column in (
            "merchant_reference_2", "customer_id", "store_id", "terminal_id", "channel",
            "card_brand", "payout_destination_id",
        )
    },
}  # fmt: skip
"""As above, of the rows that have a value there."""
_IF_GIVEN = {
    "wallet_transaction_parent": ("wallet_transaction", ["parent_id"]),
    "hold_carried_to": ("hold", ["carried_to"]),
    "transaction_gift_card": ("transaction", ["gift_card", "status"]),
    "transaction_hold": ("transaction", ["hold_id"]),
    "delivery_subscription": ("delivery", ["subscription_id", *_NEWEST]),
    "delivery_session": ("delivery", ["session_id", *_NEWEST]),
}
_PLAIN = {
    "checkout_session_listed": ("checkout_session", ["account_id", *_NEWEST]),
    "wallet_transaction_listed": ("wallet_transaction", ["card", *_NEWEST]),
    "ix_wallet_transaction_account_id": ("wallet_transaction", ["account_id"]),
    "ix_card_token_account_id": ("card_token", ["account_id"]),
    "hold_of_card": ("hold", ["card", "state"]),
    "ix_session_gift_card_token_id": ("session_gift_card", ["token_id"]),
    "ix_receipt_message_delivery_id": ("receipt_message", ["delivery_id"]),
    "ix_idempotency_record_account_id": ("idempotency_record", ["account_id"]),
    "ix_returning_customer_account_id": ("returning_customer", ["account_id"]),
}
_REPLACED = {
    "ix_card_account_id": ("card", ["account_id"]),
    "ix_card_customer_id": ("card", ["customer_id"]),
    "ix_card_token_card": ("card_token", ["card"]),
    "ix_wallet_transaction_card": ("wallet_transaction", ["card"]),
    "ix_hold_card": ("hold", ["card"]),
    "ix_hold_state": ("hold", ["state"]),
    "ix_checkout_session_account_id": ("checkout_session", ["account_id"]),
    "ix_checkout_session_created_at": ("checkout_session", ["created_at"]),
    "ix_session_event_session_id": ("session_event", ["session_id"]),
    "ix_transaction_event_transaction_id": ("transaction_event", ["transaction_id"]),
    "transaction_merchant_reference": ("transaction", ["account_id", "merchant_reference"]),
    "transaction_merchant_reference_2": ("transaction", ["account_id", "merchant_reference_2"]),
    "transaction_customer": ("transaction", ["account_id", "customer_id"]),
    "transaction_store": ("transaction", ["account_id", "store_id"]),
    "transaction_term_search": ("transaction_term", ["account_id", "term"]),
}
"""Another index begins with these columns, or nothing looks for them alone."""
_NOT_DELETED = "deleted_at IS NULL"
_MOVED = "event IN ('CAPTURE', 'REFUND')"
_UNUSUAL = "payment_operation <> 'unscheduled_purchase'"


def upgrade() -> None:
    _add_columns()
    for name, (table, _) in _REPLACED.items():
        op.drop_index(name, table)
    for name, (table, columns) in _PLAIN.items():
        op.create_index(name, table, columns)
    for table, found in _LISTED.items():
        for name, column in found.items():
            op.create_index(name, table, ["account_id", column, *_NEWEST])
    for table, found in _LISTED_IF_GIVEN.items():
        for name, column in found.items():
            _partial(name, table, ["account_id", column, *_NEWEST], f"{column} IS NOT NULL")
    for name, (table, columns) in _IF_GIVEN.items():
        _partial(name, table, columns, f"{columns[0]} IS NOT NULL")
    _partial("card_not_deleted", "card", ["account_id", *_NEWEST], _NOT_DELETED)
    _partial("delivery_receipt", "delivery", ["account_id", *_NEWEST], "event = 'receipt'")
    operations = ["account_id", "payment_operation", *_NEWEST]
    _partial("transaction_payment_operation", "transaction", operations, _UNUSUAL)
    moved = ["account_id", "event", "created_at", "transaction_id"]
    _partial("transaction_event_moved", "transaction_event", moved, _MOVED)
    terms = ["account_id", "term", "created_at", "transaction_id"]
    op.create_index("transaction_term_search", "transaction_term", terms)


def downgrade() -> None:
    for name, table in (
        ("card_not_deleted", "card"),
        ("delivery_receipt", "delivery"),
        ("transaction_payment_operation", "transaction"),
        ("transaction_event_moved", "transaction_event"),
        ("transaction_term_search", "transaction_term"),
    ):
        op.drop_index(name, table)
    for name, (table, _) in (_IF_GIVEN | _PLAIN).items():
        op.drop_index(name, table)
    for table in {*_LISTED, *_LISTED_IF_GIVEN}:
        for name in {**_LISTED.get(table, {}), **_LISTED_IF_GIVEN.get(table, {})}:
            op.drop_index(name, table)
    for name, (table, columns) in _REPLACED.items():
        op.create_index(name, table, columns)
    op.drop_column("transaction_term", "created_at")
    op.drop_column("transaction_event", "account_id")
    op.drop_column("checkout_session", "customer_phone")
    op.drop_column("checkout_session", "customer_email")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _add_columns() -> None:
    """Add what the lists look for, and fill it. Each table is changed in place: a table that is
    made anew would lose the triggers that keep it append-only."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for column in ("email", "phone"):
        name = sa.Column(f"customer_{column}", sa.String(length=255), nullable=True)
        op.add_column("checkout_session", name)
    op.execute(_SEARCHED_IN_SQLITE if sqlite else _SEARCHED)
    account = sa.Column("account_id", sa.String(length=9), nullable=False, server_default="")
    op.add_column("transaction_event", account)
    for statement in _UNGUARDED_IN_SQLITE if sqlite else _UNGUARDED:
        op.execute(statement)
    long_ago = sa.text("'1970-01-01 00:00:00.000000'" if sqlite else "'1970-01-01T00:00:00Z'")
    made: sa.Column[object] = sa.Column(
        "created_at", UtcDateTime(), nullable=False, server_default=long_ago
    )
    op.add_column("transaction_term", made)
    op.execute(
        'UPDATE transaction_term SET created_at = (SELECT t.created_at FROM "transaction" t'
        " WHERE t.id = transaction_term.transaction_id)"
    )


_SEARCHED = """
UPDATE checkout_session SET
  customer_email = CASE WHEN length(body #>> '{customer,email}') <= 255
    AND jsonb_typeof(body #> '{customer,email}') = 'string' THEN body #>> '{customer,email}' END,
  customer_phone = CASE WHEN length(body #>> '{customer,phone_number}') <= 255
    AND jsonb_typeof(body #> '{customer,phone_number}') = 'string'
    THEN body #>> '{customer,phone_number}' END
WHERE body ? 'customer'
"""
_SEARCHED_IN_SQLITE = """
UPDATE checkout_session SET
  customer_email = CASE WHEN length(json_extract(body, '$.customer.email')) <= 255
    AND json_type(body, '$.customer.email') = 'text'
    THEN json_extract(body, '$.customer.email') END,
  customer_phone = CASE WHEN length(json_extract(body, '$.customer.phone_number')) <= 255
    AND json_type(body, '$.customer.phone_number') = 'text'
    THEN json_extract(body, '$.customer.phone_number') END
"""
_WHOSE = """
UPDATE transaction_event SET account_id = (SELECT t.account_id FROM "transaction" t
  WHERE t.id = transaction_event.transaction_id)
"""
# The events cannot be changed. For this one change, which adds no fact, their trigger is away.
_UNGUARDED = (
    "ALTER TABLE transaction_event DISABLE TRIGGER transaction_event_append_only",
    _WHOSE,
    "ALTER TABLE transaction_event ENABLE TRIGGER transaction_event_append_only",
)
_UNGUARDED_IN_SQLITE = (
    "DROP TRIGGER transaction_event_no_update",
    _WHOSE,
    "CREATE TRIGGER transaction_event_no_update BEFORE UPDATE ON transaction_event "
    "BEGIN SELECT RAISE(ABORT, 'transaction_event is append only'); END",
)
