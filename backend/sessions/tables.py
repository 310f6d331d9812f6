"""Checkout sessions and their events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, event
from sqlmodel import Field, SQLModel

from backend.core.db import JsonColumn, UtcDateTime, found_by, read_once
from backend.core.written import Signal, Signalling, key_of
from backend.rules.session_body import SessionBody


class CheckoutSession(Signalling, SQLModel, table=True):
    """A session. `body` holds the request as it is now, including unknown fields. The other columns
    are what the rules and the queries need. Amounts are in minor units of `currency`."""

    __tablename__ = "checkout_session"
    __table_args__ = (
        Index("checkout_session_listed", "account_id", "created_at", "id"),
        Index("checkout_session_reference", "account_id", "merchant_reference", "created_at", "id"),
        found_by("checkout_session_email", "account_id", "customer_email", "created_at", "id"),
        found_by("checkout_session_phone", "account_id", "customer_phone", "created_at", "id"),
    )

    id: str = Field(primary_key=True, max_length=40)
    account_id: str = Field(foreign_key="account.id")
    profile_id: str = Field(max_length=64)
    state: str = Field(default="open", max_length=9)
    version: int = Field(default=1)
    body: dict[str, Any] = Field(sa_type=JsonColumn)
    currency: str = Field(max_length=3)
    amount: int = Field(sa_type=BigInteger)
    """The amount of the order as it is now, including the chosen shipping option."""
    express: bool
    gift_card_use: bool
    options: list[str] = Field(sa_type=JsonColumn)
    minimums: dict[str, int] | None = Field(default=None, sa_type=JsonColumn)
    """The smallest amount (minor units) that each option takes. None for a session that is older
    than this column: then the providers' published minimums count."""
    zero_allowed: bool
    merchant_reference: str
    customer_email: str | None = Field(default=None, max_length=255)
    """`customer.email` of `body`, kept in a column so that a search finds it by an index."""
    customer_phone: str | None = Field(default=None, max_length=255)
    """`customer.phone_number` of `body`, for the same reason."""
    details_done: bool = False
    chosen_shipping: str | None = None
    """The key of the payer's choice among `express.shipping_options`."""
    notice: str | None = None
    visited: bool = False
    pay_lock_id: str | None = Field(default=None, max_length=36)
    pay_locked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Set while the merchant changes the session. The payer can neither change it nor pay."""
    transaction_id: str | None = Field(default=None, index=True)
    """The payment that is under way or succeeded."""
    redirect_url: str | None = None
    """The provider's page while a payment is under way."""
    app_code: str | None = None
    """A copy of the transaction's `app_code`: `redirect_url` opens an app."""
    pushed_to: str | None = Field(default=None, max_length=20)
    """While a payment is under way: the phone (E.164) whose wallet app was asked, if one was
    asked."""
    pushed_with: str | None = Field(default=None, max_length=64)
    """The payment option of that push."""
    gift_card_amount: int = Field(default=0, sa_type=BigInteger)
    """How much of the gift card is held, from Pay on."""
    preset_refused: str | None = Field(default=None, max_length=20)
    """Why the card that the merchant preset is not in the session: a code of `sessions.preset`."""
    publish: list[dict[str, Any]] = Field(sa_type=JsonColumn, default_factory=list)
    """One entry for each message: `{id, channel, type, status?, delivery_id?}`."""
    initiating_headers: dict[str, Any] = Field(sa_type=JsonColumn)
    visitor: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    """Who opened the page last: `{customer_ip, user_agent}`. Only the merchant sees it."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancelled_by: str | None = None

    @property
    def content(self) -> SessionBody:
        """Return `body` as typed values, which are read once."""
        return read_once(self, self.body, SessionBody)

    def signals(self, *, new: bool) -> Iterable[Signal]:
        if not new:
            yield Signal(self.topic(), key_of(self.id))


MAX_FOUND = 255
"""No search can ask for a longer value."""


@event.listens_for(CheckoutSession, "before_insert")
@event.listens_for(CheckoutSession, "before_update")
def _keep_what_is_searched(_mapper: Any, _connection: Any, session: CheckoutSession) -> None:
    """Copy the values that `GET /sessions` searches from the body, whoever has changed it."""
    customer = session.body.get("customer") or {}
    session.customer_email = _found(customer.get("email"))
    session.customer_phone = _found(customer.get("phone_number"))


def _found(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= MAX_FOUND else None


class SessionGiftCard(SQLModel, table=True):
    """The one gift card of a session. Its primary key allows no second one."""

    __tablename__ = "session_gift_card"
    __table_args__ = (CheckConstraint("wanted > 0", name="session_gift_card_wanted_positive"),)

    session_id: str = Field(primary_key=True, foreign_key="checkout_session.id")
    card: str = Field(foreign_key="card.id", index=True)
    preset: bool
    pin_version: int = 0
    """The version of the PIN with which the payer added it."""
    token_id: str | None = Field(default=None, foreign_key="card_token.id", index=True)
    """The number or temporary token by which it was added. None for a preset card."""
    wanted: int | None = Field(default=None, sa_type=BigInteger)
    """How much of it to use (minor units, at least 1). None means as much as possible."""
    added_at: datetime = Field(sa_type=UtcDateTime)


class SessionEvent(SQLModel, table=True):
    """What happened to a session, in the order of `seq`."""

    __tablename__ = "session_event"
    __table_args__ = (UniqueConstraint("session_id", "seq", name="session_event_order"),)

    id: str = Field(primary_key=True, max_length=36)
    session_id: str = Field(foreign_key="checkout_session.id")
    seq: int
    name: str = Field(max_length=40)
    request_id: str = Field(max_length=36)
    request_headers: dict[str, Any] = Field(sa_type=JsonColumn, default_factory=dict)
    details: dict[str, Any] = Field(sa_type=JsonColumn, default_factory=dict)
    created_at: datetime = Field(sa_type=UtcDateTime)


class DeviceHandoff(SQLModel, table=True):
    """The link by which a session continues on a phone. A session has one at a time, and only a
    hash of it is kept. `arrived_at` is when a phone first opened it."""

    __tablename__ = "handover"

    session_id: str = Field(primary_key=True, foreign_key="checkout_session.id")
    token_hash: str = Field(max_length=64, unique=True)
    language: str = Field(max_length=16)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    messages: int = 0
    """How often it was sent by SMS."""
    arrived_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
