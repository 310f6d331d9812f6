"""A database error says what is wrong and quotes none of the data."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backend.core.db import Database

TABLE = (
    "CREATE TABLE kept (phone TEXT UNIQUE, email TEXT NOT NULL, CONSTRAINT a CHECK (email > 'b'))"
)
INSERT = text("INSERT INTO kept VALUES (:phone, :email)")
KARI = {"phone": "+4799887766", "email": "kari@example.com"}


@pytest.fixture
async def database(bare_database_url: str) -> AsyncIterator[Database]:
    database = Database(bare_database_url)
    async with database.unit_of_work() as db:
        connection = await db.connection()
        await connection.execute(text(TABLE))
        await connection.execute(INSERT, KARI)
    yield database
    await database.close()


@pytest.mark.parametrize("other", [{"email": None}, {"email": "anne@example.com"}, {}])
async def test_the_row_that_does_not_fit_is_not_quoted(
    database: Database, other: dict[str, str | None]
) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with database.unit_of_work() as db:
            await (await db.connection()).execute(INSERT, KARI | other)
    written = "".join(traceback.format_exception(caught.value))
    assert "INSERT INTO kept" in written
    assert "constraint" in written
    values = [*KARI.values(), *other.values()]
    assert [value for value in values if value and value in written] == []
