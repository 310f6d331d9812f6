"""Lists that page by the last one seen (`starting_after`), newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col


class Dated(Protocol):
    """A row of such a list."""

    id: str
    created_at: datetime


def newest_first(table: type[Dated]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return what to order by; the id settles what was made at one moment."""
    return col(table.created_at).desc(), col(table.id).desc()


def after(table: type[Dated], last: Dated) -> ColumnElement[bool]:
    """Return what comes after `last` in that order."""
    made, key = col(table.created_at), col(table.id)
    return or_(made < last.created_at, and_(made == last.created_at, key < last.id))
