"""Merchant accounts, their API clients and profiles."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from backend.core.db import JsonColumn, UtcDateTime


class Account(SQLModel, table=True):
    """`id`: `T` (sandbox) or `P` (production) and eight digits."""

    __tablename__ = "account"

    id: str = Field(primary_key=True, max_length=9)
    name: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class ApiClient(SQLModel, table=True):
    """Credentials of a merchant's program. The secret itself is not stored."""

    __tablename__ = "api_client"

    id: str = Field(primary_key=True, max_length=64)
    account_id: str = Field(foreign_key="account.id", index=True)
    secret_hash: str
    scopes: list[str] = Field(sa_type=JsonColumn)
    created_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AdminKey(SQLModel, table=True):
    """An `x-api-key` of an account. The secret itself is not stored."""

    __tablename__ = "admin_key"

    id: str = Field(primary_key=True, max_length=64)
    account_id: str = Field(foreign_key="account.id", index=True)
    name: str
    secret_hash: str
    scopes: list[str] = Field(sa_type=JsonColumn)
    created_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Profile(SQLModel, table=True):
    """How an account's sessions are set up. `connections` is encrypted: provider credentials by
    option name, `{"dintero_psp.creditcard": {"base_url", "secret_key", "webhook_secret"}}`."""

    __tablename__ = "profile"

    account_id: str = Field(primary_key=True, foreign_key="account.id")
    id: str = Field(primary_key=True, max_length=64)
    express: bool
    configuration: dict[str, Any] = Field(sa_type=JsonColumn)
    merchant: dict[str, Any] = Field(sa_type=JsonColumn)
    frame_ancestors: list[str] = Field(sa_type=JsonColumn)
    description: str = ""
    customer_types: list[str] = Field(sa_type=JsonColumn, default_factory=list)
    """Who may buy, if an Express request does not say it: `b2c`, `b2b`. If it is empty, both
    may."""
    checkboxes: list[dict[str, Any]] = Field(sa_type=JsonColumn, default_factory=list)
    """The checkboxes of sessions whose request has none."""
    extra: dict[str, Any] = Field(sa_type=JsonColumn, default_factory=dict)
    """Further fields of the request."""
    connections: str
    retired: str | None = None
    """Like `connections`: options that were disconnected, for what was paid with them before."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """A deleted profile still serves what began with it, because captures and refunds may come
    years later."""
