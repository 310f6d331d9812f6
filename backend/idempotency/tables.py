"""Which requests were made under an `Idempotency-Key`, and what they were answered."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from backend.core.db import UtcDateTime


class IdempotencyRecord(SQLModel, table=True):
    """One key of one client on one path. Its primary key is the lock: who cannot write it is not
    the first. `answer` is encrypted, since it may hold a card's number and PIN."""

    __tablename__ = "idempotency_record"

    id: str = Field(primary_key=True, max_length=64)
    """Hash of account, client, method, path and key."""
    account_id: str = Field(foreign_key="account.id", index=True)
    client_id: str = Field(max_length=64)
    method: str = Field(max_length=8)
    path: str
    fingerprint: str = Field(max_length=64)
    """Keyed hash of query and body."""
    operation_id: str | None = Field(default=None, max_length=36)
    """The capture, refund or void that the request began."""
    status: int | None = None
    answer: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    forget_at: datetime = Field(sa_type=UtcDateTime, index=True)
