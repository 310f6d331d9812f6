"""Several units of work run as one. The tests check what takes effect, when, and what never
does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.tables import Account
from backend.core.db import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def write(session: AsyncSession, name: str) -> None:
    session.add(Account(id=name, name=name, created_at=NOW))
    await session.flush()


async def first(session: AsyncSession) -> None:
    await write(session, "first")


async def names(db: Database) -> list[str]:
    async with db.reading() as session:
        return list(await session.exec(select(Account.id).order_by(col(Account.id))))


async def test_all_take_effect_at_the_end(db: Database) -> None:
    async with db.shared_transaction(first):
        async with db.unit_of_work() as session:
            await write(session, "a")
        assert await names(db) == ["a", "first"]
        async with db.unit_of_work() as session:
            await write(session, "b")
    assert await names(db) == ["a", "b", "first"]


async def test_none_does_where_the_request_fails(db: Database) -> None:
    with pytest.raises(KeyError):
        async with db.shared_transaction(first):
            async with db.unit_of_work() as session:
                await write(session, "a")
            raise KeyError
    assert await names(db) == []


async def test_nothing_is_written_where_nobody_writes(db: Database) -> None:
    async with db.shared_transaction(first):
        assert await names(db) == []
    assert await names(db) == []


async def test_one_that_fails_is_undone_and_the_next_begins_anew(db: Database) -> None:
    async with db.shared_transaction(first):
        with pytest.raises(KeyError):
            async with db.unit_of_work() as session:
                await write(session, "a")
                raise KeyError
        assert await names(db) == []
        async with db.unit_of_work() as session:
            await write(session, "b")
    assert await names(db) == ["b", "first"]


async def test_what_lasts_stays_though_the_rest_fails(db: Database) -> None:
    with pytest.raises(KeyError):
        async with db.shared_transaction(first):
            async with db.unit_of_work() as session:
                await write(session, "a")
            async with db.unit_of_work(commit_early=True) as session:
                await write(session, "b")
            async with db.unit_of_work() as session:
                await write(session, "alone")
            raise KeyError
    assert await names(db) == ["a", "alone", "b", "first"]


async def test_what_stands_apart_stays_and_comes_first(db: Database) -> None:
    with pytest.raises(KeyError):
        async with db.shared_transaction(first):
            async with db.unit_of_work(independent=True) as session:
                await write(session, "apart")
            async with db.unit_of_work() as session:
                await write(session, "a")
            raise KeyError
    assert await names(db) == ["apart"]
    with pytest.raises(RuntimeError, match="comes first"):
        async with db.shared_transaction(first):
            async with db.unit_of_work() as session:
                await write(session, "a")
            async with db.unit_of_work(independent=True):
                pass
    assert await names(db) == ["apart"]


async def test_outside_of_it_a_unit_of_work_is_its_own(db: Database) -> None:
    async with db.unit_of_work(commit_early=True) as session:
        await write(session, "a")
    async with db.unit_of_work(independent=True) as session:
        await write(session, "b")
    assert await names(db) == ["a", "b"]
