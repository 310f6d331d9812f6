"""One statement locks a payment attempt in the order that all others keep: session, transaction,
operation. Only PostgreSQL has row locks."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.payments.store import LockedAttempt, is_open, lock_attempt
from backend.payments.tables import Transaction
from tests.api.paying import transactions_of
from tests.support.card_gateway import CardGatewaySandbox
from tests.support.checkout import Merchant
from tests.support.waiting import until_async

TABLES = ("checkout_session", "transaction", "operation")


def is_here(table: str, transaction: Transaction) -> str:
    column = "transaction_id" if table == "operation" else "id"
    value = transaction.session_id if table == "checkout_session" else transaction.id
    return f"FROM {table} WHERE {column} = '{value}'"


async def free(merchant: Merchant, transaction: Transaction) -> list[str]:
    """Return the tables in which nobody has locked this attempt's row."""
    found = []
    for table in TABLES:
        try:
            async with merchant.ctx.db.unit_of_work() as db:
                query = f"SELECT id {is_here(table, transaction)} FOR UPDATE NOWAIT"
                await (await db.connection()).execute(text(query))
            found.append(table)
        except OperationalError:
            continue
    return found


async def waits(merchant: Merchant) -> None:
    """Wait until some connection waits for a lock."""
    query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")

    async def somebody() -> bool:
        async with merchant.ctx.db.reading() as db:
            return bool((await (await db.connection()).execute(query)).scalar_one())

    await until_async(somebody, "somebody waits for a lock")


async def lock(db: AsyncSession, table: str, transaction: Transaction) -> None:
    query = f"SELECT id {is_here(table, transaction)} FOR UPDATE"
    await (await db.connection()).execute(text(query))


@pytest.fixture
async def begun(merchant: Merchant, card_gateway: CardGatewaySandbox) -> Transaction:
    if merchant.ctx.db.is_sqlite:
        pytest.skip("SQLite has one writer and no row locks")
    session_id = await merchant.ready(40000)
    assert (await merchant.press_pay(session_id)).state == "redirect"
    return (await transactions_of(merchant, session_id))[0]


@pytest.mark.parametrize(
    ("held", "still_free"),
    [
        ("checkout_session", ["transaction", "operation"]),
        ("transaction", ["operation"]),
        ("operation", []),
    ],
)
async def test_a_try_is_locked_from_its_session_down(
    merchant: Merchant, begun: Transaction, held: str, still_free: list[str]
) -> None:
    async def wanted() -> LockedAttempt:
        async with merchant.ctx.db.unit_of_work() as db:
            return await lock_attempt(db, begun, is_open())

    async with merchant.ctx.db.unit_of_work() as db:
        await lock(db, held, begun)
        waiting = asyncio.create_task(wanted())
        await waits(merchant)
        assert await free(merchant, begun) == still_free
    tried = await waiting
    assert (tried.session.id, tried.transaction.id) == (begun.session_id, begun.id)
    assert tried.operation is not None and tried.operation.state == "pending"
    assert await free(merchant, begun) == list(TABLES)


@pytest.mark.parametrize("held", TABLES)
async def test_what_a_lock_was_waited_for_is_read_anew(
    merchant: Merchant, begun: Transaction, held: str
) -> None:
    """The previous holder of the lock has meanwhile ended the attempt and changed all three
    rows."""

    async def wanted() -> LockedAttempt:
        async with merchant.ctx.db.unit_of_work() as db:
            return await lock_attempt(db, begun, is_open())

    async with merchant.ctx.db.unit_of_work() as db:
        await lock(db, held, begun)
        waiting = asyncio.create_task(wanted())
        await waits(merchant)
        connection = await db.connection()
        changes = {
            "checkout_session": "notice",
            "transaction": "redirect_url",
            "operation": "state",
        }
        for table in TABLES[TABLES.index(held) :]:
            where = is_here(table, begun).removeprefix(f"FROM {table} ")
            change = f"UPDATE {table} SET {changes[table]} = 'done' {where}"  # noqa: S608
            await connection.execute(text(change))
    tried = await waiting
    # The operation has ended, so no open one exists. The other two rows are locked and fresh.
    assert tried.operation is None
    if held != "operation":
        assert tried.transaction.redirect_url == "done"
    if held == "checkout_session":
        assert tried.session.notice == "done"
