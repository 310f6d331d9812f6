"""Lists that are paged by the last row seen (`starting_after`), newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, literal, tuple_, union
from sqlalchemy import select as select_rows
from sqlmodel import col

from backend.core.db import UtcDateTime

MOST_ALTERNATIVES = 20
"""More alternatives than these are not read apart: the database would plan longer than it reads."""


class Dated(Protocol):
    """A row of such a list."""

    id: str
    created_at: datetime


def newest_first(table: type[Dated]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return the columns to order by. The id decides between rows of the same moment."""
    return col(table.created_at).desc(), col(table.id).desc()


def after(table: type[Dated], last: Dated) -> ColumnElement[bool]:
    """Return the condition for rows that come after `last` in that order."""
    return comes_after((col(table.created_at), col(table.id)), last)


def comes_after(order: tuple[Any, Any], last: Dated) -> ColumnElement[bool]:
    """Return the same condition as `after`, with the columns `order` for the time and the id.

    A comparison of the whole row, unlike one with AND and OR, lets the database begin to read its
    index at that place.
    """
    place = literal(last.created_at, UtcDateTime()), literal(last.id)
    return tuple_(*order) < tuple_(*place)


def newest_ids(
    table: type[Dated],
    conditions: Sequence[ColumnElement[bool]],
    alternatives: Sequence[ColumnElement[bool]],
    limit: int,
) -> Select[Any]:
    """Select the ids of the newest rows that meet all `conditions` and one of the `alternatives`.

    Each alternative is read by its own index, at most `limit` rows of each. With an OR the database
    would read all rows of all alternatives and sort them, or all rows of the table.
    """
    key, made = col(table.id), col(table.created_at)
    parts = [
        select_rows(key, made)
        .where(*conditions, alternative)
        .order_by(*newest_first(table))
        .limit(limit)
        .subquery()
        for alternative in alternatives
    ]
    found = union(*(select_rows(part.c.id, part.c.created_at) for part in parts)).subquery()
    newest = found.c.created_at.desc(), found.c.id.desc()
    return select_rows(found.c.id).order_by(*newest).limit(limit)
