"""Cards are opened, drawn to the last øre, and locked for others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from backend.accounts.clients import create_account
from backend.cards import ledger
from backend.cards.issue import CardOrder, issue_batch
from backend.cards.ledger import EntryContext
from backend.cards.tables import Card, CardToken, LedgerEntry, WalletTransaction
from backend.core.clock import iso
from backend.core.context import Backend
from backend.core.ids import new_uuid
from backend.outbox.tables import Delivery, HookSubscription
from tests.unit.cards.conftest import ACCOUNT, issue, open_backend

NOW = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)


def cause(ref_id: str, now: datetime = NOW) -> EntryContext:
    return EntryContext(ref_id, now, "the-till", {"receipt": ref_id}, "a-shop")


async def subscribe(ctx: Backend, *events: str, account_id: str = ACCOUNT) -> str:
    async with ctx.db.unit_of_work() as db:
        hook = HookSubscription(
            id=new_uuid(),
            account_id=account_id,
            url="https://user:word@hooks.example:8443/told",
            events=list(events),
            created_at=NOW,
            created_by="tests",
            updated_at=NOW,
        )
        db.add(hook)
        return hook.id


async def deliveries(ctx: Backend) -> list[Delivery]:
    async with ctx.db.reading() as db:
        return list(await db.exec(select(Delivery).order_by(col(Delivery.created_at))))


async def test_all_that_is_there_can_move(ctx: Backend, card: Card) -> None:
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        _, held = await ledger.hold(db, locked, 10000, cause("hold"), "wallets")
        _, rest = await ledger.post(db, held, 10000, cause("post"), keep_rest=True)
        assert rest is None
        await ledger.refund(db, locked, 10000, cause("refund"), None)
        await ledger.draw(db, locked, 10000, cause("draw"))
        assert (locked.funds, locked.available, locked.held, locked.drawn) == (10000, 0, 0, 10000)


async def test_a_single_use_token_is_free_again_only_if_nothing_was_taken(
    ctx: Backend, card: Card
) -> None:
    async def used(ref: str, amount: int) -> tuple[str, str]:
        """A token that a hold has used up: its id, and the hold's."""
        async with ctx.db.unit_of_work() as db:
            locked = await ledger.lock_card(db, card.id)
            _, held = await ledger.hold(db, locked, amount, cause(ref), "wallets")
            token = CardToken(
                id=new_uuid(),
                account_id=ACCOUNT,
                card=card.id,
                ref_id=ref,
                number_hash=ref,
                mask="*",
                format={},
                single_use=True,
                used_by=held.id,
                created_at=NOW,
                created_by="tests",
            )
            db.add(token)
            return token.id, held.id

    async def used_by(token_id: str) -> str | None:
        async with ctx.db.reading() as db:
            token = await db.get(CardToken, token_id)
        assert token is not None
        return token.used_by

    voided, part = await used("a", 100), await used("b", 100)
    async with ctx.db.unit_of_work() as db:
        await ledger.void(db, await ledger.lock_hold(db, voided[1]), cause("void a"))
        held = await ledger.lock_hold(db, part[1])
        _, rest = await ledger.post(db, held, 40, cause("post b"), keep_rest=True)
        assert rest is not None
        await ledger.void(db, rest, cause("void b"))
    assert await used_by(voided[0]) is None
    assert await used_by(part[0]) == part[1]


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


async def test_a_locked_row_is_locked_for_others_too(postgresql_url: str) -> None:
    """SQLite locks the whole database for whoever writes."""
    ctx = open_backend(postgresql_url)
    await create_account(ctx, ACCOUNT, "Fjord & Form")
    card = await issue(ctx, "card-1", 10000)
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        _, held = await ledger.hold(db, locked, 1000, cause("hold"), "wallets")
    locks = {"card": (ledger.lock_card, card.id), "hold": (ledger.lock_hold, held.id)}
    for table, (lock, row_id) in locks.items():
        query = text(f"SELECT id FROM {table} WHERE id = :id FOR UPDATE NOWAIT")  # noqa: S608
        async with ctx.db.unit_of_work() as db:
            await lock(db, row_id)
            with pytest.raises(OperationalError, match="could not obtain lock"):
                async with ctx.db.unit_of_work() as other:
                    await (await other.connection()).execute(query, {"id": row_id})
        async with ctx.db.unit_of_work() as other:
            await (await other.connection()).execute(query, {"id": row_id})
    await ctx.close()
