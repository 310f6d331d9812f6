"""What has to be told to a merchant: a row in the same unit of work as its cause, sent after."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from backend.db import JsonColumn, UtcDateTime


class Delivery(SQLModel, table=True):
    """One message to one address. `state`: pending | delivered | failed."""

    __tablename__ = "delivery"
    __table_args__ = (Index("delivery_due", "state", "due_at"),)

    id: str = Field(primary_key=True, max_length=36)
    account_id: str = Field(foreign_key="account.id", index=True)
    subject: str = Field(max_length=64, index=True)
    """The transaction's or session's id it speaks of."""
    method: str = Field(max_length=4)
    url: str
    body: dict[str, Any] | None = Field(default=None, sa_type=JsonColumn)
    state: str = Field(default="pending", max_length=9)
    tries: int = 0
    due_at: datetime = Field(sa_type=UtcDateTime)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DeliveryTry(SQLModel, table=True):
    """One try: what came back, or why nothing did."""

    __tablename__ = "delivery_try"

    id: str = Field(primary_key=True, max_length=36)
    delivery_id: str = Field(foreign_key="delivery.id", index=True)
    status_code: int | None = None
    error: str | None = None
    started_at: datetime = Field(sa_type=UtcDateTime)
    duration_ms: int
