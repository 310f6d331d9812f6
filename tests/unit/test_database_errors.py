"""What a failed statement says: it ends in a log."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.db import Database


async def test_an_error_does_not_show_what_was_sent(database_url: str) -> None:
    db = Database(database_url)
    try:
        with pytest.raises(DBAPIError) as failed:
            async with db.unit_of_work() as work:
                await work.execute(text("SELECT :pin FROM no_such_table"), {"pin": "s3cret-4711"})
        assert "no_such_table" in str(failed.value)
        assert "4711" not in str(failed.value)
    finally:
        await db.close()
