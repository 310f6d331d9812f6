"""Payers who asked to be remembered, and the codes with which they prove who they are."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from backend.core.db import UtcDateTime


class ReturningCustomer(SQLModel, table=True):
    """Details that a payer asked an account's checkouts to remember. `sealed` is encrypted:
    `{email, phone_number, shipping_address, billing_address}`. The phone number is found by a keyed
    hash.

    `confirmed`: a code has shown that the payer has this phone. Until then only the cookie of the
    browser that made the record finds it, so that nobody can leave details for a number that is not
    theirs.
    """

    __tablename__ = "returning_customer"
    __table_args__ = (
        Index(
            "returning_customer_one_of_a_phone",
            "account_id",
            "phone_hash",
            unique=True,
            sqlite_where=text("confirmed"),
            postgresql_where=text("confirmed"),
        ),
    )

    id: str = Field(primary_key=True, max_length=36)
    account_id: str = Field(foreign_key="account.id", index=True, max_length=9)
    phone_hash: str = Field(max_length=64)
    sealed: str
    confirmed: bool = False
    session_id: str = Field(index=True, max_length=40)
    """The session in which they last asked for it."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class ConfirmationCode(SQLModel, table=True):
    """The last code of a session. `customer_id` is None if the number is not remembered. Then no
    message was sent, and no code is right."""

    __tablename__ = "confirmation_code"

    session_id: str = Field(primary_key=True, foreign_key="checkout_session.id", max_length=40)
    phone_hash: str = Field(max_length=64)
    code_hash: str = Field(max_length=64)
    customer_id: str | None = Field(default=None, max_length=36)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
