"""All tables, imported in one place for migrations and tests."""

from __future__ import annotations

from sqlmodel import SQLModel

from backend.accounts import tables as accounts
from backend.cards import tables as cards
from backend.core import recurring
from backend.customers import tables as returning
from backend.idempotency import tables as idempotency
from backend.limits import tables as limits
from backend.outbox import tables as outbox
from backend.payments import tables as payments
from backend.sessions import tables as sessions

metadata = SQLModel.metadata

__all__ = [
    "accounts",
    "cards",
    "idempotency",
    "limits",
    "metadata",
    "outbox",
    "payments",
    "recurring",
    "returning",
    "sessions",
]
