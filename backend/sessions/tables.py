"""Checkout sessions and their events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from backend.core.db import JsonColumn, UtcDateTime
from backend.core.written import Signal, Signalling, key_of


class CheckoutSession(Signalling, SQLModel, table=True):
    """A session. `body` holds the request as it stands now, unknown fields included; the columns
    beside it are what the rules and the queries need. Amounts in minor units of `currency`."""

    __tablename__ = "checkout_session"

    id: str = Field(primary_key=True, max_length=40)
    account_id: str = Field(foreign_key="account.id", index=True)
    profile_id: str = Field(max_length=64)
    state: str = Field(default="open", max_length=9)
    version: int = Field(default=1)
    body: dict[str, Any] = Field(sa_type=JsonColumn)
    currency: str = Field(max_length=3)
    amount: int = Field(sa_type=BigInteger)
    """Of the order as it is now, the chosen shipping option included."""
    express: bool
    gift_card_use: bool
    options: list[str] = Field(sa_type=JsonColumn)
    minimums: dict[str, int] | None = Field(default=None, sa_type=JsonColumn)
    """The smallest amount (minor units) that each option takes; None of a session from before they
    were kept: then what the providers publish."""
    zero_allowed: bool
    merchant_reference: str
    details_done: bool = False
    chosen_shipping: str | None = None
    """Key of the payer's choice among `express.shipping_options`."""
    notice: str | None = None
    visited: bool = False
    pay_lock_id: str | None = Field(default=None, max_length=36)
    pay_locked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """While the merchant changes the session: the payer neither changes it nor pays."""
    transaction_id: str | None = Field(default=None, index=True)
    """Of the payment that is under way or succeeded."""
    redirect_url: str | None = None
    """While a payment is under way: the provider's page."""
    app_code: str | None = None
    """As the transaction's: `redirect_url` opens an app."""
    pushed_to: str | None = Field(default=None, max_length=20)
    """While a payment is under way: the phone (E.164) whose wallet app was asked, where one was."""
    pushed_with: str | None = Field(default=None, max_length=64)
    """By which option."""
    gift_card_amount: int = Field(default=0, sa_type=BigInteger)
    """From Pay on: what was set aside on the gift card."""
    preset_refused: str | None = Field(default=None, max_length=20)
    """Why the card that the merchant preset is not in the session: a code of `sessions.preset`."""
    publish: list[dict[str, Any]] = Field(sa_type=JsonColumn, default_factory=list)
    """One entry for each message: `{id, channel, type, status?, delivery_id?}`."""
    initiating_headers: dict[str, Any] = Field(sa_type=JsonColumn)
    visitor: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    """Who opened the page last: `{customer_ip, user_agent}`. For the merchant alone."""
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancelled_by: str | None = None

    def signals(self, *, new: bool) -> Iterable[Signal]:
        if not new:
            yield Signal(self.topic(), key_of(self.id))


class SessionGiftCard(SQLModel, table=True):
    """The one gift card of a session: its primary key allows no second."""

    __tablename__ = "session_gift_card"
    __table_args__ = (CheckConstraint("wanted > 0", name="session_gift_card_wanted_positive"),)

    session_id: str = Field(primary_key=True, foreign_key="checkout_session.id")
    card: str = Field(foreign_key="card.id", index=True)
    preset: bool
    pin_version: int = 0
    """Of the PIN with which the payer added it."""
    token_id: str | None = Field(default=None, foreign_key="card_token.id")
    """By which number or temporary token; None for a preset card."""
    wanted: int | None = Field(default=None, sa_type=BigInteger)
    """How much of it is to be used, minor units, at least 1; None: as much as can be."""
    added_at: datetime = Field(sa_type=UtcDateTime)


class SessionEvent(SQLModel, table=True):
    """What happened to a session, in the order of `seq`."""

    __tablename__ = "session_event"
    __table_args__ = (UniqueConstraint("session_id", "seq", name="session_event_order"),)

    id: str = Field(primary_key=True, max_length=36)
    session_id: str = Field(foreign_key="checkout_session.id", index=True)
    seq: int
    name: str = Field(max_length=40)
    request_id: str = Field(max_length=36)
    request_headers: dict[str, Any] = Field(sa_type=JsonColumn, default_factory=dict)
    details: dict[str, Any] = Field(sa_type=JsonColumn, default_factory=dict)
    created_at: datetime = Field(sa_type=UtcDateTime)


class DeviceHandoff(SQLModel, table=True):
    """The link by which a session goes on on a phone: one at a time, of which only a hash is kept.
    `arrived_at`: when a phone had first opened it."""

    __tablename__ = "handover"

    session_id: str = Field(primary_key=True, foreign_key="checkout_session.id")
    token_hash: str = Field(max_length=64, unique=True)
    language: str = Field(max_length=16)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    messages: int = 0
    """How often it was sent by SMS."""
    arrived_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
