"""How much of the exact limits is used."""

from __future__ import annotations

from sqlmodel import Field, SQLModel


class LimitUse(SQLModel, table=True):
    """One key of one rule. `key` is a keyed hash, since phone numbers and addresses are in it."""

    __tablename__ = "limit_use"

    key: str = Field(primary_key=True, max_length=64)
    whole_at: float = Field(index=True)
    """When the whole amount is there again: seconds since 1970. After that the row says nothing,
    and the worker deletes it."""
