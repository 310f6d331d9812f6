"""What the worker's loops have in common: many rows are due, and any number of processes may come
to them at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, delete, inspect
from sqlmodel import SQLModel, select

from backend.db import Database

FORGOTTEN_AT_ONCE = 500
Row = TypeVar("Row")


async def each(
    rows: Sequence[Row], work: Callable[[Row], Awaitable[None]], log: logging.Logger,
    called: Callable[[Row], str],
) -> int:  # fmt: skip
    """`work` for all of a batch at once, so that a slow one does not use up the claims on what
    waits behind it; how many. One that fails must not keep the others waiting: it is logged as it
    is `called`, and due again after its claim."""
    ended = await asyncio.gather(*(work(row) for row in rows), return_exceptions=True)
    for row, error in zip(rows, ended, strict=True):
        if isinstance(error, Exception):
            log.error("%s", called(row), exc_info=error)
    return len(rows)


async def forget(db: Database, table: type[SQLModel], over: ColumnElement[bool]) -> int:
    """Delete the rows of which `over` holds, one batch; how many."""
    (key,) = inspect(table).primary_key
    due = select(key).where(over)
    # A look without a lock first: most of the time nothing is due.
    async with db.reading() as reading:
        if (await reading.exec(due.limit(1))).first() is None:
            return 0
    async with db.unit_of_work() as work:
        locked = due.limit(FORGOTTEN_AT_ONCE).with_for_update(skip_locked=True)
        keys = list(await work.exec(locked))
        await work.exec(delete(table).where(key.in_(keys)))
        return len(keys)
