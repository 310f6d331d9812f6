"""Lists that are paged by the last row seen (`starting_after`), newest first."""

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
    """Return the columns to order by. The id decides between rows of the same moment."""
    return col(table.created_at).desc(), col(table.id).desc()


def after(table: type[Dated], last: Dated) -> ColumnElement[bool]:
    """Return the condition for rows that come after `last` in that order."""
    made, key = col(table.created_at), col(table.id)
    return or_(made < last.created_at, and_(made == last.created_at, key < last.id))
