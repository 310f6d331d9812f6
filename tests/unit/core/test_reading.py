"""Reads run alone without a transaction, or together as of one moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.tables import Account
from backend.core.db import Database
from tests.support.statements import counted

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def add(db: Database, name: str) -> None:
    async with db.unit_of_work() as work:
        work.add(Account(id=name, name=name, created_at=NOW))


async def names(reading: AsyncSession) -> list[str]:
    return sorted(await reading.exec(select(Account.id)))


async def test_each_read_stands_alone_and_begins_no_transaction(db: Database) -> None:
    await add(db, "a")
    with counted(db) as asked:
        async with db.reading() as reading:
            assert await names(reading) == ["a"]
            assert await names(reading) == ["a"]
    assert asked.figures == (2, 0, 0)
    async with db.reading() as reading:
        assert await names(reading) == ["a"]
        await add(db, "b")
        assert await names(reading) == ["a", "b"]


async def test_a_snapshot_is_of_one_moment(db: Database) -> None:
    await add(db, "a")
    async with db.snapshot() as reading:
        assert await names(reading) == ["a"]
        await add(db, "b")
        assert await names(reading) == ["a"]
    async with db.snapshot() as reading:
        assert await names(reading) == ["a", "b"]


async def test_who_writes_after_a_read_on_the_same_connection_has_a_transaction(
    db: Database,
) -> None:
    """Connections return to the pool unchanged. A unit of work on one that served a read still
    rolls back as a whole."""
    for _ in range(3):
        async with db.reading() as reading:
            assert await names(reading) == []
        with pytest.raises(KeyError):
            async with db.unit_of_work() as work:
                work.add(Account(id="a", name="a", created_at=NOW))
                await work.flush()
                raise KeyError
