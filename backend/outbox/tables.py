"""Messages to others. Each is a row in the same unit of work as its cause, and is sent
afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from backend.core.db import JsonColumn, UtcDateTime, found_by
from backend.core.written import Signal, Signalling, due_signal


class Delivery(Signalling, SQLModel, table=True):
    """One message to one address. `state`: pending | delivered | failed.

    `kind`: `callback` (a session's `callback_url`), `webhook` (a subscription), `sms` and `email`
    (the SMS gateway and the mail server, whose addresses and keys are settings and are in no row).
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index("delivery_due", "state", "kind", "due_at"),
        Index("delivery_listed", "account_id", "created_at", "id"),
        Index("delivery_state", "account_id", "state", "created_at", "id"),
        Index("delivery_kind", "account_id", "kind", "created_at", "id"),
        Index(
            "delivery_receipt",
            "account_id",
            "created_at",
            "id",
            sqlite_where=text("event = 'receipt'"),
            postgresql_where=text("event = 'receipt'"),
        ),
        found_by("delivery_subscription", "subscription_id", "created_at", "id"),
        found_by("delivery_session", "session_id", "created_at", "id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    account_id: str = Field(foreign_key="account.id")
    kind: str = Field(default="callback", max_length=8)
    event: str | None = Field(default=None, max_length=64)
    subject: str = Field(max_length=64, index=True)
    """The id of the transaction, session or wallet transaction that it is about."""
    subscription_id: str | None = Field(default=None, foreign_key="hook_subscription.id")
    session_id: str | None = Field(default=None, max_length=40)
    session_event: str | None = Field(default=None, max_length=40)
    """An event that the session gets once the message is delivered."""
    method: str = Field(max_length=4)
    url: str
    addressee: str = Field(default="", max_length=300)
    """Host and port of `url`. A silent addressee delays nobody else."""
    body: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    state: str = Field(default="pending", max_length=9)
    tries: int = 0
    tries_before: int = 0
    """How many attempts there were when it was last asked for again."""
    due_at: datetime = Field(sa_type=UtcDateTime)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    useless_after: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    def signals(self, *, new: bool) -> Iterable[Signal]:
        if self.state == "pending":
            yield due_signal(topic_of(self.kind), self.due_at, self.claimed_until)


def topic_of(kind: str) -> str:
    """Return the topic of signals for deliveries of this kind."""
    return f"delivery:{kind}"


class DeliveryAttempt(SQLModel, table=True):
    """One attempt: what was sent (the delivery has the body; secrets are left out), and what came
    back, or why nothing did. It is written once and never changed."""

    __tablename__ = "delivery_try"

    id: str = Field(primary_key=True, max_length=36)
    delivery_id: str = Field(foreign_key="delivery.id", index=True)
    method: str = Field(max_length=4)
    url: str
    request_headers: dict[str, Any] = Field(sa_type=JsonColumn)
    status_code: int | None = None
    response_body: str | None = None
    """The first 2 KB of the answer, as text."""
    error: str | None = None
    started_at: datetime = Field(sa_type=UtcDateTime)
    duration_ms: int


class HookSubscription(SQLModel, table=True):
    """A subscription to an account's events. `secret` is encrypted."""

    __tablename__ = "hook_subscription"

    id: str = Field(primary_key=True, max_length=36)
    account_id: str = Field(foreign_key="account.id", index=True)
    url: str
    events: list[str] = Field(sa_type=JsonColumn)
    secret: str | None = None
    failures: int = 0
    """How many deliveries in a row were given up."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str
    updated_at: datetime = Field(sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deleted_by: str | None = None


class SigningSecret(SQLModel, table=True):
    """The secret that an account's callbacks are signed with. It is encrypted and not hashed, since
    we need it ourselves."""

    __tablename__ = "signing_secret"

    account_id: str = Field(primary_key=True, foreign_key="account.id")
    id: str = Field(max_length=36)
    secret: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str
