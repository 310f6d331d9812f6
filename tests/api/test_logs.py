"""A failing database leaves in the log what was tried, and nothing about the person concerned."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.support.checkout import Merchant

ADDRESS = {
    "first_name": "Kari", "last_name": "Nordmann", "address_line": "Hemmeligveien 47",
    "postal_code": "0155", "postal_place": "Oslo", "country": "NO",
    "email": "kari@example.com", "phone_number": "+4799887766",
}  # fmt: skip


async def refuse_changes_of_sessions(merchant: Merchant) -> None:
    async with merchant.ctx.db.unit_of_work() as db:
        if merchant.ctx.db.is_sqlite:
            statements = [
                "CREATE TRIGGER full_disk BEFORE UPDATE ON checkout_session"
                " BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            ]
        else:
            statements = [
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'the disk is full'; END $$",
                "CREATE TRIGGER full_disk BEFORE UPDATE ON checkout_session"
                " FOR EACH ROW EXECUTE FUNCTION full_disk()",
            ]
        connection = await db.connection()
        for statement in statements:
            await connection.execute(text(statement))


async def test_an_error_of_the_database_tells_nothing_of_the_payer(
    merchant: Merchant, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = await merchant.session()
    await refuse_changes_of_sessions(merchant)
    path = f"/v1/view/{session_id}/session/order/shipping_address"
    answer = await merchant.api.put(path, json=ADDRESS)
    assert answer.status_code == 500
    # Read the whole line with its traceback.
    written = "\n".join(f"{record.getMessage()}\n{record.exc_text}" for record in caplog.records)
    assert "the disk is full" in written
    assert "UPDATE checkout_session" in written
    assert "[parameters:" not in written
    assert [value for value in ADDRESS.values() if len(value) > 2 and value in written] == []
