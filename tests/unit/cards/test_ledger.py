"""The tests check what each movement in the ledger does, what it refuses, and that nothing written
can change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import ledger
from backend.cards.audit import Difference, audit_cards
from backend.cards.ledger import EntryContext, HoldResolved, InsufficientFunds
from backend.cards.tables import Card, Hold, LedgerEntry, WalletTransaction
from backend.core.context import Backend
from backend.core.errors import Conflict, NotFound

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def cause(ref_id: str) -> EntryContext:
    return EntryContext(ref_id, NOW, "tests")


async def sums(ctx: Backend, card: Card) -> tuple[int, int, int, int]:
    """Return the card's funds, available, held and drawn amounts."""
    async with ctx.db.reading() as db:
        row = await db.get(Card, card.id)
    assert row is not None
    return row.funds, row.available, row.held, row.drawn


async def entries(ctx: Backend, card: Card) -> list[tuple[str, str, str, int]]:
    async with ctx.db.reading() as db:
        query = select(LedgerEntry).where(LedgerEntry.card == card.id)
        rows = await db.exec(query.order_by(col(LedgerEntry.amount)))
        return [(e.movement, e.debit, e.credit, e.amount) for e in rows]


async def differences(ctx: Backend) -> list[Difference]:
    async with ctx.db.snapshot() as db:
        return [difference async for difference in audit_cards(db)]


async def run(db: AsyncSession, statement: str) -> None:
    await (await db.connection()).execute(text(statement))


async def hold(ctx: Backend, card: Card, amount: int, ref: str = "hold") -> str:
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        _, held = await ledger.hold(db, locked, amount, cause(ref), "wallets")
        return held.id


async def test_every_movement_debits_one_account_and_credits_another(
    ctx: Backend, card: Card
) -> None:
    held_id = await hold(ctx, card, 7001)
    assert await sums(ctx, card) == (10000, 2999, 7001, 0)
    async with ctx.db.unit_of_work() as db:
        held = await ledger.lock_hold(db, held_id)
        _, rest = await ledger.post(db, held, 5002, cause("post"), keep_rest=True)
        assert rest is not None
        assert (rest.amount, rest.state, held.state, held.posted) == (
            1999,
            "pending",
            "posted",
            5002,
        )
        assert held.carried_to == rest.id
        rest_id = rest.id
    assert await sums(ctx, card) == (10000, 2999, 1999, 5002)
    async with ctx.db.unit_of_work() as db:
        await ledger.void(db, await ledger.lock_hold(db, rest_id), cause("void"))
    assert await sums(ctx, card) == (10000, 4998, 0, 5002)
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        await ledger.draw(db, locked, 3, cause("draw"))
        await ledger.refund(db, locked, 5004, cause("refund"), None)
    assert await sums(ctx, card) == (10000, 9999, 0, 1)
    assert await entries(ctx, card) == [
        ("draw", "available", "drawn", 3),
        ("void", "held", "available", 1999),
        ("post", "held", "drawn", 5002),
        ("refund", "drawn", "available", 5004),
        ("hold", "available", "held", 7001),
        ("fund", "funds", "available", 10000),
    ]
    assert await differences(ctx) == []


async def test_what_is_not_there_cannot_move(ctx: Backend, card: Card) -> None:
    before = await entries(ctx, card)
    for movement in ("hold", "draw", "refund"):
        with pytest.raises(InsufficientFunds):
            async with ctx.db.unit_of_work() as db:
                locked = await ledger.lock_card(db, card.id)
                if movement == "hold":
                    await ledger.hold(db, locked, 10001, cause("a"), "wallets")
                elif movement == "draw":
                    await ledger.draw(db, locked, 10001, cause("a"))
                else:
                    await ledger.refund(db, locked, 1, cause("a"), None)
    assert await sums(ctx, card) == (10000, 10000, 0, 0)
    assert await entries(ctx, card) == before
    async with ctx.db.reading() as db:
        # A refused movement leaves nothing behind: no wallet transaction and no hold.
        assert (await db.exec(select(func.count()).select_from(WalletTransaction))).one() == 1
        assert (await db.exec(select(func.count()).select_from(Hold))).one() == 0


async def test_a_hold_resolves_once(ctx: Backend, card: Card) -> None:
    posted, voided = await hold(ctx, card, 1000, "a"), await hold(ctx, card, 2000, "b")
    async with ctx.db.unit_of_work() as db:
        await ledger.post(db, await ledger.lock_hold(db, posted), 400, cause("p"), keep_rest=False)
        await ledger.void(db, await ledger.lock_hold(db, voided), cause("v"))
    after = (10000, 9600, 0, 400)
    assert await sums(ctx, card) == after
    for held_id in (posted, voided):
        for verb in ("post", "void"):
            with pytest.raises(HoldResolved):
                async with ctx.db.unit_of_work() as db:
                    held = await ledger.lock_hold(db, held_id)
                    again = cause(f"{verb} again {held_id}")
                    if verb == "post":
                        await ledger.post(db, held, 1, again, keep_rest=True)
                    else:
                        await ledger.void(db, held, again)
    assert await sums(ctx, card) == after
    assert await differences(ctx) == []


async def test_only_what_is_held_can_be_posted(ctx: Backend, card: Card) -> None:
    held_id = await hold(ctx, card, 1000)
    for amount in (0, -1, 1001):
        with pytest.raises(InsufficientFunds):
            async with ctx.db.unit_of_work() as db:
                held = await ledger.lock_hold(db, held_id)
                await ledger.post(db, held, amount, cause("p"), keep_rest=False)
        assert await sums(ctx, card) == (10000, 9000, 1000, 0)


async def test_a_repeated_ref_id_moves_nothing_more(ctx: Backend, card: Card) -> None:
    async def draw(amount: int, ref: str = "same") -> str:
        async with ctx.db.unit_of_work() as db:
            locked = await ledger.lock_card(db, card.id)
            return (await ledger.draw(db, locked, amount, cause(ref))).id

    first = await draw(300)
    assert await draw(300) == first
    assert await sums(ctx, card) == (10000, 9700, 0, 300)
    with pytest.raises(Conflict):
        await draw(301)
    with pytest.raises(Conflict):
        await hold(ctx, card, 300, "same")
    with pytest.raises(Conflict):
        async with ctx.db.unit_of_work() as db:
            await ledger.fund(db, await ledger.lock_card(db, card.id), 300, cause("same"))
    assert await sums(ctx, card) == (10000, 9700, 0, 300)
    held_id = await hold(ctx, card, 500, "held")
    assert await hold(ctx, card, 500, "held") == held_id
    assert await sums(ctx, card) == (10000, 9200, 500, 300)
    assert await differences(ctx) == []


async def test_what_does_not_exist_is_not_found(ctx: Backend) -> None:
    with pytest.raises(NotFound):
        async with ctx.db.unit_of_work() as db:
            await ledger.lock_hold(db, "nothing")
    with pytest.raises(NotFound):
        async with ctx.db.unit_of_work() as db:
            await ledger.lock_card(db, "nothing")


APPEND_ONLY = (
    "ledger_entry", "wallet_transaction", "session_event", "transaction_event", "card_event",
)  # fmt: skip
TRIGGERS = (
    text("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name"),
    text("SELECT count(*) FROM information_schema.triggers WHERE event_object_table = :name"),
)


async def test_the_database_refuses_to_change_what_is_written(ctx: Backend, card: Card) -> None:
    statements = (
        "UPDATE {} SET amount = amount + 1",
        "UPDATE {} SET card = card",
        "DELETE FROM {}",
        "DELETE FROM {} WHERE amount > 0",
    )
    for table in ("ledger_entry", "wallet_transaction"):
        for statement in statements:
            with pytest.raises(DBAPIError, match=f"{table} is append only"):
                async with ctx.db.unit_of_work() as db:
                    await run(db, statement.format(table))
    assert await entries(ctx, card) == [("fund", "funds", "available", 10000)]


async def test_every_history_has_its_triggers(ctx: Backend) -> None:
    query = TRIGGERS[0] if ctx.db.is_sqlite else TRIGGERS[1]
    async with ctx.db.reading() as db:
        connection = await db.connection()
        for table in APPEND_ONLY:
            assert (await connection.execute(query, {"name": table})).scalar_one() == 2, table


async def test_the_database_refuses_impossible_sums(ctx: Backend, card: Card) -> None:
    for change in (
        "available = -1",
        "held = -1, available = 10001",
        "drawn = -1, available = 10001",
        "available = available + 1",
        "funds = 0",
    ):
        with pytest.raises(DBAPIError):
            async with ctx.db.unit_of_work() as db:
                await run(db, f"UPDATE card SET {change}")  # noqa: S608
        assert await sums(ctx, card) == (10000, 10000, 0, 0)


async def tamper(ctx: Backend, statement: str) -> None:
    """Change a row as the database's owner could, who drops the triggers first."""
    async with ctx.db.unit_of_work() as db:
        for table in ("ledger_entry", "wallet_transaction"):
            if ctx.db.is_sqlite:
                for verb in ("update", "delete"):
                    await run(db, f"DROP TRIGGER {table}_no_{verb}")
            else:
                await run(db, f"DROP TRIGGER {table}_append_only ON {table}")
        await run(db, statement)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        # The running sum is consistent and agrees with no entry.
        ("UPDATE card SET available = available + 1, funds = funds + 1",
         [("funds", 10000, 10001), ("available", 9000, 9001)]),
        ("UPDATE card SET available = available - 1, drawn = drawn + 1",
         [("available", 9000, 8999), ("drawn", 0, 1)]),
        ("UPDATE ledger_entry SET amount = amount + 1 WHERE movement = 'fund'",
         [("funds", 10001, 10000), ("available", 9001, 9000)]),
        ("DELETE FROM ledger_entry WHERE movement = 'hold'",
         [("available", 10000, 9000), ("held", 0, 1000), ("pending holds", 1000, 0)]),
        ("UPDATE hold SET state = 'voided'", [("pending holds", 0, 1000)]),
        ("UPDATE hold SET amount = amount + 5", [("pending holds", 1005, 1000)]),
        ("UPDATE ledger_entry SET currency = 'SEK' WHERE movement = 'hold'",
         [("entries of another currency", 0, 1)]),
    ],
)  # fmt: skip
async def test_the_audit_finds_what_was_changed_behind_our_back(
    ctx: Backend, card: Card, statement: str, found: list[tuple[str, int, int]]
) -> None:
    await hold(ctx, card, 1000)
    assert await differences(ctx) == []
    await tamper(ctx, statement)
    assert [(d.what, d.expected, d.found) for d in await differences(ctx)] == found
    assert {d.subject for d in await differences(ctx)} == {card.id}
