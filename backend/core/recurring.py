"""Work that comes again and again, once for all processes: each kind is a row that falls due.

Whoever finds a row due moves it to its next moment, and does the work then. Nothing here waits for
it: if a process dies in the middle, the work is done the next time.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, func, update
from sqlalchemy import select as select_rows
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel, col

from backend.core.db import Database, UtcDateTime

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class RecurringWork(SQLModel, table=True):
    """When a kind of work is to be done next."""

    __tablename__ = "recurring_work"

    name: str = Field(primary_key=True, max_length=40)
    due_at: datetime = Field(sa_type=UtcDateTime)


async def begin(db: Database, names: Collection[str]) -> None:
    """Note kinds of work that are not known yet. They are due at once."""
    dialect = sqlite if db.is_sqlite else postgresql
    rows: list[dict[str, Any]] = [{"name": name, "due_at": _LONG_AGO} for name in names]
    async with db.unit_of_work() as work:
        insert = dialect.insert(RecurringWork).values(rows)
        await work.exec(insert.on_conflict_do_nothing())


async def claim(db: Database, now: datetime, pause: timedelta) -> list[str]:
    """Take all that is due, and return its names. It is due again after `pause`."""
    late = col(RecurringWork.due_at) <= now
    # A clock that was set back must not stop the work until it is where it was.
    ahead = col(RecurringWork.due_at) > now + 2 * pause
    query = update(RecurringWork).where(late | ahead).values(due_at=now + pause)
    query = query.execution_options(synchronize_session=False)
    async with db.unit_of_work() as work:
        return list((await work.exec(query.returning(col(RecurringWork.name)))).scalars())


def earliest() -> ScalarSelect[datetime]:
    """Return a subquery: when some of it is due next."""
    return select_rows(func.min(col(RecurringWork.due_at))).scalar_subquery()
