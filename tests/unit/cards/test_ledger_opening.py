"""The ledger opens new cards as if each were funded separately."""

from __future__ import annotations

from sqlmodel import select

from backend.cards import ledger
from backend.cards.issue import CardOrder, issue_batch
from backend.cards.tables import LedgerEntry, WalletTransaction
from backend.core.clock import iso
from backend.core.context import Backend
from tests.unit.cards.conftest import ACCOUNT
from tests.unit.cards.hooks import deliveries, subscribe


async def test_cards_are_opened_as_if_each_were_funded(ctx: Backend) -> None:
    hook = await subscribe(ctx, "wallet_transaction")
    amounts = {"first": 700, "empty": 0, "third": 900}
    orders = [CardOrder(ACCOUNT, name, amount, "SEK", "tests") for name, amount in amounts.items()]
    made = {one.card.card_id: one.card for one in await issue_batch(ctx, orders)}
    async with ctx.db.reading() as db:
        rows = {row.card: row for row in await db.exec(select(WalletTransaction))}
        entries = {row.card: row for row in await db.exec(select(LedgerEntry))}
    for name, amount in amounts.items():
        card = made[name]
        assert (card.funds, card.available, card.held, card.drawn) == (amount, amount, 0, 0)
        row = rows[card.id]
        assert row.model_dump(exclude={"id"}) == {
            "account_id": ACCOUNT,
            "card": card.id,
            "ref_id": f"issue:{card.id}",
            "type": "fund",
            "pending": False,
            "amount": amount,
            "currency": "SEK",
            "parent_id": None,
            "metadata_": {},
            "originated_by": None,
            "created_at": card.created_at,
            "created_by": "tests",
        }
        entry = entries.pop(card.id, None)
        if not amount:
            assert entry is None
            continue
        assert entry is not None
        assert entry.model_dump(exclude={"id"}) == {
            "card": card.id,
            "wallet_transaction_id": row.id,
            "movement": "fund",
            "debit": "funds",
            "credit": "available",
            "amount": amount,
            "currency": "SEK",
            "created_at": card.created_at,
        }
    assert entries == {}
    told = {one.subject: one for one in await deliveries(ctx)}
    assert set(told) == {row.id for row in rows.values()}
    first = told[rows[made["first"].id].id]
    assert (first.subscription_id, first.created_at) == (hook, made["first"].created_at)
    assert first.body is not None
    assert first.body["transaction"] == {
        "id": first.subject,
        "ref_id": f"issue:{made['first'].id}",
        "card_id": "first",
        "type": "fund",
        "pending": False,
        "amount": 700,
        "currency": "SEK",
        "metadata": {},
        "created_at": iso(made["first"].created_at),
        "created_by": "tests",
    }


async def test_no_card_opens_nothing(ctx: Backend) -> None:
    async with ctx.db.unit_of_work() as db:
        await ledger.open_cards(db, [])
    async with ctx.db.reading() as db:
        assert (await db.exec(select(WalletTransaction))).all() == []
    assert await deliveries(ctx) == []
