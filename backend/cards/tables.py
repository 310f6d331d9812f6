"""Gift cards, their ledger, holds and budgets of attempts. Amounts are minor units of the card's
currency."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from backend.core.db import JsonColumn, UtcDateTime, found_by
from backend.core.written import Signal, Signalling, key_of

_NOT_DELETED = text("deleted_at IS NULL")
_OLD_PIN = text("pin_hash IS NOT NULL AND pin_key IS NULL")
NO_CURRENCY = "XXX"
"""ISO 4217's code for no currency: the currency of a card that is not activated yet."""


class Card(Signalling, SQLModel, table=True):
    """A gift card and the running sums of its ledger.

    `available` can be drawn, `held` waits for a payment, `drawn` was paid with,
    `funds` = available + held + drawn. Only `cards.ledger` changes these four. A card that was
    made inactive has NO_CURRENCY until it is activated.
    """

    __tablename__ = "card"
    __table_args__ = (
        UniqueConstraint("account_id", "card_id", name="card_account_card_id"),
        Index("card_listed", "account_id", "created_at", "id"),
        Index(
            "card_not_deleted",
            "account_id",
            "created_at",
            "id",
            sqlite_where=_NOT_DELETED,
            postgresql_where=_NOT_DELETED,
        ),
        Index("card_available", "account_id", "available", "created_at", "id"),
        found_by("card_customer", "account_id", "customer_id", "created_at", "id"),
        # Cards whose PIN is still kept as it was before keyed MACs: fewer every day.
        Index(
            "card_old_pin",
            "account_id",
            sqlite_where=_OLD_PIN,
            postgresql_where=_OLD_PIN,
        ),
        CheckConstraint("available >= 0", name="card_available_not_negative"),
        CheckConstraint("held >= 0", name="card_held_not_negative"),
        CheckConstraint("drawn >= 0", name="card_drawn_not_negative"),
        CheckConstraint("funds = available + held + drawn", name="card_sums_balance"),
    )

    id: str = Field(primary_key=True, max_length=36)
    account_id: str = Field(foreign_key="account.id")
    card_id: str = Field(max_length=255)
    currency: str = Field(max_length=3)
    type: str = Field(default="gift_card", max_length=32)
    name: str | None = None
    customer_id: str | None = Field(default=None, max_length=255)
    originated_by: str | None = None
    metadata_: dict[str, Any] = Field(
        sa_type=JsonColumn, sa_column_kwargs={"name": "metadata"}, default_factory=dict
    )
    extra: dict[str, Any] = Field(sa_type=JsonColumn, default_factory=dict)
    """Request fields that the schema does not know. Answers have them too."""
    initial_amount: int = Field(sa_type=BigInteger)
    active: bool
    active_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    activation_ref: str | None = None
    """The `ref_id` of the activation, if the card was made inactive."""
    number_last4: str = Field(max_length=4)
    number_mask: str
    """The mask of the card's own number. The number itself is a `CardToken`."""
    pin_hash: str | None = None
    """Salt and MAC of the PIN (`Vault.pin_mac`); an Argon2 hash if `pin_key` is None."""
    pin_key: str | None = Field(default=None, max_length=16)
    """The id of the key of the MAC."""
    pin_version: int = 0
    """Grows with each new PIN: whoever used an older one has to show the new one."""
    pin_format: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    replaces: str | None = Field(default=None, max_length=255)
    """`card_id` of the card that this one replaces, for money that is refunded to it."""
    replaced_by: str | None = Field(default=None, max_length=255)
    """`card_id` of the card that replaces this one."""
    funds: int = Field(sa_type=BigInteger)
    available: int = Field(sa_type=BigInteger)
    held: int = Field(sa_type=BigInteger)
    drawn: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str

    def signals(self, *, new: bool) -> Iterable[Signal]:
        return () if new else (changed_card(self.id),)


def changed_card(card_pk: str) -> Signal:
    """Return the signal that the card with this key has changed."""
    return Signal(Card.topic(), key_of(card_pk))


class CardToken(SQLModel, table=True):
    """What can be given in place of the card: its own number, and temporary tokens.

    Each is found by a keyed hash. `sealed` holds a temporary token encrypted, so that a repeated
    request gets the same one. The card's own number is stored nowhere.
    """

    __tablename__ = "card_token"
    __table_args__ = (
        UniqueConstraint("number_hash", name="card_token_number_hash"),
        UniqueConstraint("card", "ref_id", name="card_token_card_ref_id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    account_id: str = Field(foreign_key="account.id", index=True)
    card: str = Field(foreign_key="card.id")
    ref_id: str | None = Field(default=None, max_length=255)
    """None for the card's own number."""
    number_hash: str = Field(max_length=64)
    mask: str
    format: dict[str, Any] = Field(sa_type=JsonColumn)
    sealed: str | None = None
    expires_in: int | None = None
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    single_use: bool = False
    used_by: str | None = Field(default=None, foreign_key="wallet_transaction.id", index=True)
    """The transaction that used up a single-use token."""
    metadata_: dict[str, Any] = Field(
        sa_type=JsonColumn, sa_column_kwargs={"name": "metadata"}, default_factory=dict
    )
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str


class WalletTransaction(SQLModel, table=True):
    """One movement as the wallets API shows it. Written once, never changed.

    `type`: `drawdown`, `pending_capture`, `voided`, `fund`, `transfer` (to another card, where a
    `fund` has it as its parent).
    """

    __tablename__ = "wallet_transaction"
    __table_args__ = (
        UniqueConstraint("card", "ref_id", name="wallet_transaction_card_ref_id"),
        Index("wallet_transaction_listed", "card", "created_at", "id"),
        found_by("wallet_transaction_parent", "parent_id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    account_id: str = Field(foreign_key="account.id", index=True)
    card: str = Field(foreign_key="card.id")
    ref_id: str = Field(max_length=255)
    type: str = Field(max_length=16)
    pending: bool = False
    amount: int = Field(sa_type=BigInteger)
    currency: str = Field(max_length=3)
    parent_id: str | None = Field(default=None, foreign_key="wallet_transaction.id")
    metadata_: dict[str, Any] = Field(
        sa_type=JsonColumn, sa_column_kwargs={"name": "metadata"}, default_factory=dict
    )
    originated_by: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str


class Hold(SQLModel, table=True):
    """A two-phase transfer: pending -> posted (all or part) | voided, once.

    A partial capture posts a part and moves the rest to a new hold (`carried_to`), so that each row
    resolves once.
    """

    __tablename__ = "hold"
    __table_args__ = (
        CheckConstraint("amount > 0", name="hold_amount_positive"),
        # A card that is used every day has thousands of holds, of which few are pending.
        Index("hold_of_card", "card", "state"),
        found_by("hold_carried_to", "carried_to"),
    )

    id: str = Field(primary_key=True, max_length=36)
    card: str = Field(foreign_key="card.id")
    wallet_transaction_id: str = Field(foreign_key="wallet_transaction.id", index=True)
    """The pending drawdown that made the first of these holds."""
    amount: int = Field(sa_type=BigInteger)
    state: str = Field(default="pending", max_length=8)
    posted: int = Field(default=0, sa_type=BigInteger)
    carried_to: str | None = Field(default=None, foreign_key="hold.id")
    purpose: str = Field(max_length=64)
    """`transaction:<id>` for a checkout payment, `wallets` for one made by API."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    resolved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LedgerEntry(SQLModel, table=True):
    """Double entry and append only: triggers forbid any change.

    Accounts of a card: `funds` is debited with what is put on it; `available`, `held` and `drawn`
    are credited with what becomes available, held, drawn. Of each card, debits = credits.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        CheckConstraint("amount > 0", name="ledger_entry_amount_positive"),
        CheckConstraint("debit <> credit", name="ledger_entry_two_accounts"),
    )

    id: str = Field(primary_key=True, max_length=36)
    card: str = Field(foreign_key="card.id", index=True)
    wallet_transaction_id: str = Field(foreign_key="wallet_transaction.id", index=True)
    movement: str = Field(max_length=8)
    debit: str = Field(max_length=9)
    credit: str = Field(max_length=9)
    amount: int = Field(sa_type=BigInteger)
    currency: str = Field(max_length=3)
    created_at: datetime = Field(sa_type=UtcDateTime)


class CardEvent(SQLModel, table=True):
    """What was done to a card besides moving its money, by whom and why. Append only: triggers
    forbid any change. `name`: `DELETED`, `RESTORED`, `EXTENDED`, `REISSUED`, `REPLACED`, and for
    wrong PIN attempts `PIN_HALF_OF_DAY`, `PIN_HALF_OF_LIFE`, `PIN_LOCKED`, `PIN_UNLOCKED`."""

    __tablename__ = "card_event"
    __table_args__ = (Index("card_event_listed", "card", "created_at", "id"),)

    id: str = Field(primary_key=True, max_length=36)
    card: str = Field(foreign_key="card.id")
    name: str = Field(max_length=24)
    details: dict[str, Any] = Field(sa_type=JsonColumn, default_factory=dict)
    reason: str | None = Field(default=None, max_length=255)
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str
    request_id: str | None = Field(default=None, max_length=36)
    """The id of the request that did it, as its answer showed it. None if no request did."""


class CodeBudget(SQLModel, table=True):
    """Codes by SMS that were asked for or tried. `scope`: `scc-send:…` or `scc-try:…`."""

    __tablename__ = "try_budget"

    scope: str = Field(primary_key=True, max_length=96)
    tries: int
    last_try_at: datetime = Field(sa_type=UtcDateTime, index=True)
    """The worker deletes rows that are older than their window."""


class PinBudget(SQLModel, table=True):
    """Wrong attempts of number and PIN, counted for one scope. The rules are `rules.pin_budget`.

    `scope`: `card:<id>` (of an unknown number `card:<number hash>`), `pair:<card>:<network hash>`,
    `session:<id>`, `firsts:<network hash>`, `repeats:<network hash>`.
    """

    __tablename__ = "pin_budget"

    scope: str = Field(primary_key=True, max_length=96)
    tries: int = 0
    """The number of attempts in `recent`, when the row was last written."""
    recent: list[list[float]] = Field(sa_type=JsonColumn, default_factory=list)
    """The attempts of the day, in bursts: first and last in seconds since 1970, and their
    number."""
    life: int = 0
    """For a card: all attempts since it was last unlocked."""
    score: float = 0.0
    last_try_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    forget_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """When the worker deletes the row. None for a card that was guessed at: its row stays."""
