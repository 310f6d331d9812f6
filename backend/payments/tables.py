"""Transactions, the operations on them, and their events. Amounts in minor units."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from backend.core.db import JsonColumn, UtcDateTime, found_by, read_once
from backend.core.written import Signal, Signalling, due_signal
from backend.rules.purchase import OperationRequest, Purchase

MAX_LANGUAGE = 16
USUAL_OPERATION = "unscheduled_purchase"
UNUSUAL = f"payment_operation <> '{USUAL_OPERATION}'"
MOVED = "event IN ('CAPTURE', 'REFUND')"
OPEN_STATES = ("pending", "unknown")
"""Of an operation that has not ended."""
LIVE = "status NOT IN ('DECLINED', 'FAILED', 'UNKNOWN')"


_NEWEST = ("account_id", "created_at", "id")


def _listed_by(column: str) -> Index:
    return Index(f"transaction_{column}", "account_id", column, "created_at", "id")


def _if_given(column: str) -> Index:
    return found_by(f"transaction_{column}", "account_id", column, "created_at", "id")


class Transaction(SQLModel, table=True):
    """One attempt to pay a session. Of a session's transactions at most one has not failed.

    The money is the gift card's part (`card_*`) and the provider's (`psp_*`), each authorized,
    captured, refunded, released. `snapshot` keeps the order, addresses and more as they were when
    the payer pressed Pay.
    """

    __tablename__ = "transaction"
    __table_args__ = (
        Index(
            "transaction_one_live_per_session",
            "session_id",
            unique=True,
            sqlite_where=text(LIVE),
            postgresql_where=text(LIVE),
        ),
        Index("transaction_newest", *_NEWEST),
        # One for each filter of the list, in the order of the list.
        _listed_by("status"),
        _listed_by("payment_product_type"),
        Index(
            "transaction_payment_operation",
            "account_id",
            "payment_operation",
            "created_at",
            "id",
            sqlite_where=text(UNUSUAL),
            postgresql_where=text(UNUSUAL),
        ),
        _listed_by("currency"),
        _listed_by("amount"),
        _listed_by("merchant_reference"),
        _if_given("merchant_reference_2"),
        _if_given("customer_id"),
        _if_given("store_id"),
        _if_given("terminal_id"),
        _if_given("channel"),
        _if_given("card_brand"),
        _if_given("payout_destination_id"),
        found_by("transaction_gift_card", "gift_card", "status"),
        found_by("transaction_hold", "hold_id"),
    )

    id: str = Field(primary_key=True, max_length=40)
    account_id: str = Field(foreign_key="account.id")
    profile_id: str = Field(max_length=64)
    session_id: str = Field(foreign_key="checkout_session.id", index=True)
    status: str = Field(max_length=32)
    currency: str = Field(max_length=3)
    amount: int = Field(sa_type=BigInteger)
    payment_product_type: str = Field(max_length=64)
    merchant_reference: str
    merchant_reference_2: str | None = None
    payment_operation: str = Field(default=USUAL_OPERATION, max_length=32)
    channel: str | None = None
    customer_id: str | None = None
    store_id: str | None = None
    terminal_id: str | None = None
    payout_destination_id: str | None = None
    card_brand: str | None = None
    snapshot: dict[str, Any] = Field(sa_type=JsonColumn)
    payment_card: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    gift_card: str | None = Field(default=None, foreign_key="card.id")
    gift_card_shown: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    """`{card_id, masked_card_token}` as it was when the payer pressed Pay."""
    hold_id: str | None = Field(default=None, foreign_key="hold.id")
    psp_reference: str | None = Field(default=None, index=True)
    redirect_url: str | None = None
    app_code: str | None = None
    """`redirect_url` opens the payer's app. This is the content of a QR code for it."""
    return_ref: str = Field(max_length=36)
    """A part of the address to which the provider sends the payer back."""
    multi_capture: bool = False
    psp_authorized: int = Field(default=0, sa_type=BigInteger)
    psp_captured: int = Field(default=0, sa_type=BigInteger)
    psp_refunded: int = Field(default=0, sa_type=BigInteger)
    psp_released: int = Field(default=0, sa_type=BigInteger)
    card_authorized: int = Field(default=0, sa_type=BigInteger)
    card_captured: int = Field(default=0, sa_type=BigInteger)
    card_refunded: int = Field(default=0, sa_type=BigInteger)
    card_released: int = Field(default=0, sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)

    @property
    def purchase(self) -> Purchase:
        """Return `snapshot` as typed values, which are read once."""
        return read_once(self, self.snapshot, Purchase)


class TransactionTerm(SQLModel, table=True):
    """A term by which `search` finds a transaction: ids, references, phone, e-mail, name, in lower
    case. `created_at` is the transaction's, so that a common term is read newest first."""

    __tablename__ = "transaction_term"
    __table_args__ = (
        Index("transaction_term_search", "account_id", "term", "created_at", "transaction_id"),
    )

    transaction_id: str = Field(primary_key=True, foreign_key="transaction.id")
    term: str = Field(primary_key=True, max_length=255)
    account_id: str = Field(max_length=9)
    created_at: datetime = Field(sa_type=UtcDateTime)


class AutoCapture(Signalling, SQLModel, table=True):
    """A transaction that is captured automatically. `state`: `due`; `done`; `stopped`, because the
    merchant captured or voided it; `given_up`, after 48 hours."""

    __tablename__ = "auto_capture"
    __table_args__ = (Index("auto_capture_due", "state", "due_at"),)

    transaction_id: str = Field(primary_key=True, foreign_key="transaction.id")
    state: str = Field(default="due", max_length=8)
    tries: int = 0
    due_at: datetime = Field(sa_type=UtcDateTime)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    give_up_at: datetime = Field(sa_type=UtcDateTime)

    def signals(self, *, new: bool) -> Iterable[Signal]:
        if self.state == "due":
            yield due_signal(self.topic(), self.due_at, self.claimed_until)


class MonitoredRefund(Signalling, SQLModel, table=True):
    """A refund that its provider may still take back. `state`: `due`; or `done`, because it was
    taken back or because enough time has passed."""

    __tablename__ = "refund_watch"
    __table_args__ = (Index("refund_watch_due", "state", "due_at"),)

    operation_id: str = Field(primary_key=True, foreign_key="operation.id")
    transaction_id: str = Field(foreign_key="transaction.id", index=True)
    state: str = Field(default="due", max_length=8)
    tries: int = 0
    due_at: datetime = Field(sa_type=UtcDateTime)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)

    def signals(self, *, new: bool) -> Iterable[Signal]:
        if self.state == "due":
            yield due_signal(self.topic(), self.due_at, self.claimed_until)


class Operation(Signalling, SQLModel, table=True):
    """One outside effect on a transaction, written before it is asked for.

    The provider's idempotency reference is made of `key`, which is the same on every attempt.
    `state`: `pending` (asked, or about to be), `unknown` (asked, but the answer was lost), `done`,
    `refused`, `returned` (a refund that was done and taken back). A pending or unknown operation is
    looked at again when `due_at` has come.
    """

    __tablename__ = "operation"
    __table_args__ = (
        Index(
            "operation_one_open_per_transaction",
            "transaction_id",
            unique=True,
            sqlite_where=text("state IN ('pending', 'unknown')"),
            postgresql_where=text("state IN ('pending', 'unknown')"),
        ),
        Index("operation_due", "state", "due_at"),
    )

    id: str = Field(primary_key=True, max_length=36)
    transaction_id: str = Field(foreign_key="transaction.id", index=True)
    kind: str = Field(max_length=9)
    key: str = Field(max_length=64, unique=True)
    state: str = Field(max_length=8)
    card_amount: int = Field(sa_type=BigInteger)
    psp_amount: int = Field(sa_type=BigInteger)
    captured_before: int = Field(default=0, sa_type=BigInteger)
    final: bool = False
    request: dict[str, Any] = Field(sa_type=JsonColumn)
    """What the merchant sent with it: references, items, metadata."""
    raw: dict[str, Any] = Field(sa_type=JsonColumn, default_factory=dict)
    error: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    tries: int = 0
    due_at: datetime = Field(sa_type=UtcDateTime)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)

    @property
    def asked(self) -> OperationRequest:
        """Return `request` as typed values, which are read once."""
        return read_once(self, self.request, OperationRequest)

    def signals(self, *, new: bool) -> Iterable[Signal]:
        if self.state in OPEN_STATES:
            yield due_signal(self.topic(), self.due_at, self.claimed_until)


class TransactionEvent(SQLModel, table=True):
    """An entry of a transaction's history as the API shows it, in the order of `seq`."""

    __tablename__ = "transaction_event"
    __table_args__ = (
        UniqueConstraint("transaction_id", "seq", name="transaction_event_order"),
        # For the filters `captured_at` and `refunded_at`.
        Index(
            "transaction_event_moved",
            "account_id",
            "event",
            "created_at",
            "transaction_id",
            sqlite_where=text(MOVED),
            postgresql_where=text(MOVED),
        ),
    )

    id: str = Field(primary_key=True, max_length=36)
    account_id: str = Field(max_length=9)
    """The account of the transaction."""
    transaction_id: str = Field(foreign_key="transaction.id")
    seq: int
    event: str = Field(max_length=20)
    transaction_status: str = Field(max_length=32)
    success: bool
    amount: int = Field(sa_type=BigInteger)
    card_amount: int = Field(default=0, sa_type=BigInteger)
    wallet_transaction_id: str | None = None
    gift_card_shown: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    """`{card_id, masked_card_token}` if it is another card than the transaction's."""
    event_reference: str | None = None
    items: list[dict[str, Any]] = Field(sa_type=JsonColumn, default_factory=list)
    metadata_: dict[str, Any] = Field(
        sa_type=JsonColumn, sa_column_kwargs={"name": "metadata"}, default_factory=dict
    )
    error: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    correction: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    """As the API shows it: the events that this one takes back, and what is left since then."""
    request_id: str = Field(max_length=36)
    correlation_request_id: str | None = Field(default=None, max_length=36)
    """The id of the request that began it, if that request was answered with 202."""
    request_headers: dict[str, Any] = Field(sa_type=JsonColumn, default_factory=dict)
    calculated_vat_amount: int | None = Field(default=None, sa_type=BigInteger)
    created_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class ReceiptKept(SQLModel, table=True):
    """What the receipt of a transaction states. It is written once and never changed: later
    captures and refunds do not touch it. `language` is the payer's when they pressed Pay."""

    __tablename__ = "receipt"

    transaction_id: str = Field(primary_key=True, foreign_key="transaction.id")
    facts: dict[str, Any] = Field(sa_type=JsonColumn)
    language: str = Field(max_length=MAX_LANGUAGE)
    created_at: datetime = Field(sa_type=UtcDateTime)


class ReceiptMessage(SQLModel, table=True):
    """A receipt sent by one channel, `email` or `sms`. There is at most one for each channel, even
    if processes are killed or work at the same time. It is written once. If there was nobody to
    send it to, there is no delivery, and `why` says so."""

    __tablename__ = "receipt_message"

    transaction_id: str = Field(primary_key=True, foreign_key="receipt.transaction_id")
    channel: str = Field(primary_key=True, max_length=8)
    delivery_id: str | None = Field(default=None, foreign_key="delivery.id", index=True)
    why: str | None = Field(default=None, max_length=40)
    created_at: datetime = Field(sa_type=UtcDateTime)
