"""What the worker's loops share: many rows are due, and several processes may take them at once."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, delete, func, inspect, not_
from sqlalchemy import select as select_rows
from sqlalchemy.orm import Mapped
from sqlmodel import SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.db import Database

FORGOTTEN_AT_ONCE = 500
LOOKED_AT = 200
"""How many rows one look takes into account."""
Columns = tuple[Mapped[str], Mapped[str], Mapped[str], Mapped[datetime]]
"""The columns of the key, the tenant, the addressee, and the due time."""


@dataclass(frozen=True, slots=True)
class Due:
    """A row that is due. `tenant` is the account that it belongs to, `addressee` the server that is
    asked."""

    key: str
    tenant: str
    addressee: str


@dataclass(frozen=True, slots=True)
class Share:
    """How much one loop of one process may have under way: in all, for each tenant, and for each
    addressee of a tenant. So a slow or silent server leaves room for the others."""

    maximum: int
    tenant: int
    addressee: int


class UnderWay:
    """The work that one loop has under way. No piece waits for a slower one."""

    def __init__(
        self, share: Share, log: logging.Logger, ended: Callable[[], None] = lambda: None
    ) -> None:
        """`ended` is called whenever a piece has ended."""
        self.ended = ended
        self.share, self._log = share, log
        self._tasks: dict[asyncio.Task[None], Due] = {}
        self.next_due: datetime | None = None
        """The earliest moment of a row that nobody works on, as the last look found it."""

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def free(self) -> int:
        return self.share.maximum - len(self._tasks)

    async def look(self, db: AsyncSession, earliest: ScalarSelect[datetime], now: datetime) -> bool:
        """Look, without a lock, whether a row is due: most of the time none is. `earliest` selects
        the earliest moment of a row that nobody works on."""
        found: datetime | None = (await db.exec(select(earliest))).one()
        self.next_due = found
        return found is not None and found <= now

    async def choose(self, db: AsyncSession, due: Select[Any], columns: Columns) -> dict[str, Due]:
        """Choose from `due` as many as there is room for: first one of every tenant, then a second
        one of each, and so on, the longest due first. Return them by their keys; nothing is
        locked."""
        connection = await db.connection()
        rows = await connection.execute(self._in_turns(due, columns))
        return self._with_room([Due(*row) for row in rows])

    def _in_turns(self, due: Select[Any], columns: Columns) -> Select[Any]:
        tenants = Counter(one.tenant for one in self._tasks.values())
        pairs = Counter((one.tenant, one.addressee) for one in self._tasks.values())
        full = [tenant for tenant, count in tenants.items() if count >= self.share.tenant]
        busy = [pair for pair, count in pairs.items() if count >= self.share.addressee]
        # We never begin again what we are working on ourselves, even if its claim has run out.
        ours = [one.key for one in self._tasks.values()]
        key, tenant, addressee, moment = columns
        open_to = due.with_only_columns(
            key.label("key"),
            tenant.label("tenant"),
            addressee.label("addressee"),
            moment.label("moment"),
            func.row_number()
            .over(partition_by=(tenant, addressee), order_by=(moment, key))
            .label("place"),
        ).where(tenant.not_in(full), key.not_in(ours))
        for one, other in busy:
            open_to = open_to.where(not_(and_(tenant == one, addressee == other)))
        placed = open_to.subquery()
        turn = func.row_number().over(
            partition_by=placed.c.tenant,
            order_by=(placed.c.place, placed.c.moment, placed.c.key),
        )
        few = placed.c.place <= self.share.addressee
        turns = select_rows(placed, turn.label("turn")).where(few).subquery()
        return (
            select_rows(turns.c.key, turns.c.tenant, turns.c.addressee)
            .where(turns.c.turn <= self.share.tenant)
            .order_by(turns.c.turn, turns.c.moment, turns.c.key)
            .limit(LOOKED_AT)
        )

    def _with_room(self, due: Sequence[Due]) -> dict[str, Due]:
        tenants = Counter(one.tenant for one in self._tasks.values())
        pairs = Counter((one.tenant, one.addressee) for one in self._tasks.values())
        chosen: dict[str, Due] = {}
        for one in due:
            pair = (one.tenant, one.addressee)
            room = tenants[one.tenant] < self.share.tenant and pairs[pair] < self.share.addressee
            if room and len(chosen) < self.free:
                tenants[one.tenant] += 1
                pairs[pair] += 1
                chosen[one.key] = one
        return chosen

    def start(self, due: Due, work: Coroutine[Any, Any, None], called: str) -> None:
        """Start a piece of work. A failure is logged under the name `called`, and the row becomes
        due again when its claim ends."""
        task = asyncio.create_task(self._guarded(work, called))
        self._tasks[task] = due
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self.ended()

    async def _guarded(self, work: Coroutine[Any, Any, None], called: str) -> None:
        try:
            await work
        except Exception as error:
            self._log.error("%s", called, exc_info=error)

    async def wait(self, seconds: float) -> bool:
        """Wait until a piece has ended, at most so many seconds. Return False at once if nothing is
        under way."""
        tasks = list(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(tasks)

    def cancel(self) -> None:
        """Give up everything that is under way. It becomes due again when its claim ends."""
        for task in list(self._tasks):
            task.cancel()

    async def finish(self) -> None:
        """Wait for all that is under way. If the wait is cancelled, cancel the work too."""
        tasks = list(self._tasks)
        try:
            await asyncio.gather(*tasks)
        except asyncio.CancelledError:
            self.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise


async def purge(db: Database, table: type[SQLModel], over: ColumnElement[bool]) -> int:
    """Delete one batch of the rows for which `over` holds. Return their number."""
    (key,) = inspect(table).primary_key
    due = select(key).where(over)
    # Look without a lock first, because usually nothing is due.
    async with db.reading() as reading:
        if (await reading.exec(due.limit(1))).first() is None:
            return 0
    async with db.unit_of_work() as work:
        locked = due.limit(FORGOTTEN_AT_ONCE).with_for_update(skip_locked=True)
        keys = list(await work.exec(locked))
        await work.exec(delete(table).where(key.in_(keys)))
        return len(keys)
