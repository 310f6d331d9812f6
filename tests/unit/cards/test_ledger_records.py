"""Beside the sums the ledger writes wallet transactions, holds and messages to hooks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import select

from backend.accounts.clients import create_account
from backend.cards import ledger
from backend.cards.ledger import EntryContext, HoldResolved, InsufficientFunds
from backend.cards.tables import Card, CardToken, Hold, LedgerEntry, WalletTransaction
from backend.core.context import Backend
from backend.core.errors import Conflict
from backend.core.ids import new_uuid
from tests.unit.cards.conftest import ACCOUNT, issue, open_backend
from tests.unit.cards.hooks import NOW, deliveries, subscribe

LATER = NOW + timedelta(minutes=5)
EARLIER = NOW - timedelta(minutes=5)


def cause(ref_id: str, now: datetime = NOW) -> EntryContext:
    return EntryContext(ref_id, now, "the-till", {"receipt": ref_id}, "a-shop")


async def transactions(ctx: Backend, card: Card) -> dict[str, WalletTransaction]:
    """Return a card's wallet transactions by their `ref_id`, without that of its issue."""
    async with ctx.db.reading() as db:
        query = select(WalletTransaction).where(WalletTransaction.card == card.id)
        rows = await db.exec(query.where(WalletTransaction.created_by != "tests"))
        return {row.ref_id: row for row in rows}


async def test_each_movement_is_shown_with_its_type_and_parent(ctx: Backend, card: Card) -> None:
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        await ledger.fund(db, locked, 500, cause("fund"))
        drawn = await ledger.draw(db, locked, 300, cause("draw"))
        await ledger.refund(db, locked, 200, cause("refund"), drawn.id)
        await ledger.refund(db, locked, 100, cause("refund without a parent"), None)
        made, held = await ledger.hold(db, locked, 4000, cause("hold"), "a purpose")
        _, rest = await ledger.post(db, held, 1000, cause("post"), keep_rest=True)
        assert rest is not None
        await ledger.void(db, rest, cause("void"))
    found = await transactions(ctx, card)
    shown = {ref: (row.type, row.amount, row.pending, row.parent_id) for ref, row in found.items()}
    assert shown == {
        "fund": ("fund", 500, False, None),
        "draw": ("drawdown", 300, False, None),
        "refund": ("fund", 200, False, drawn.id),
        "refund without a parent": ("fund", 100, False, None),
        "hold": ("drawdown", 4000, True, None),
        "post": ("pending_capture", 1000, False, made.id),
        "void": ("voided", 3000, False, made.id),
    }


async def test_a_movement_is_written_with_all_that_its_caller_says(
    ctx: Backend, card: Card
) -> None:
    swedish = await issue(ctx, "swedish", 900, "SEK")
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, swedish.id)
        made = await ledger.draw(db, locked, 300, cause("draw"))
        bare = await ledger.draw(db, locked, 1, EntryContext("bare", LATER, "tests"))
    row = (await transactions(ctx, swedish))["draw"]
    assert row.model_dump() == {
        "id": made.id,
        "account_id": ACCOUNT,
        "card": swedish.id,
        "ref_id": "draw",
        "type": "drawdown",
        "pending": False,
        "amount": 300,
        "currency": "SEK",
        "parent_id": None,
        "metadata_": {"receipt": "draw"},
        "originated_by": "a-shop",
        "created_at": NOW,
        "created_by": "the-till",
    }
    assert (bare.metadata_, bare.originated_by, bare.created_at) == ({}, None, LATER)
    async with ctx.db.reading() as db:
        query = select(LedgerEntry).where(LedgerEntry.wallet_transaction_id == made.id)
        entry = (await db.exec(query)).one()
    assert entry.model_dump(exclude={"id"}) == {
        "card": swedish.id,
        "wallet_transaction_id": made.id,
        "movement": "draw",
        "debit": "available",
        "credit": "drawn",
        "amount": 300,
        "currency": "SEK",
        "created_at": NOW,
    }


async def test_a_hold_and_what_is_left_of_it_are_written_whole(ctx: Backend, card: Card) -> None:
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        made, held = await ledger.hold(db, locked, 4000, cause("hold"), "transaction:1")
    async with ctx.db.unit_of_work() as db:
        held = await ledger.lock_hold(db, held.id)
        _, rest = await ledger.post(db, held, 1000, cause("post", LATER), keep_rest=True)
        assert rest is not None
    async with ctx.db.reading() as db:
        rows = {row.id: row for row in await db.exec(select(Hold))}
    common = {"card": card.id, "wallet_transaction_id": made.id, "purpose": "transaction:1"}
    assert rows[made.id].model_dump() == common | {
        "id": made.id,
        "amount": 4000,
        "state": "posted",
        "posted": 1000,
        "carried_to": rest.id,
        "created_at": NOW,
        "resolved_at": LATER,
    }
    assert rows[rest.id].model_dump() == common | {
        "id": rest.id,
        "amount": 3000,
        "state": "pending",
        "posted": 0,
        "carried_to": None,
        "created_at": LATER,
        "resolved_at": None,
    }
    assert len(rows) == 2


async def test_a_post_without_the_rest_gives_the_rest_back(ctx: Backend, card: Card) -> None:
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        _, held = await ledger.hold(db, locked, 4000, cause("hold"), "wallets")
        made, rest = await ledger.post(db, held, 1000, cause("post", LATER), keep_rest=False)
    assert rest is None
    async with ctx.db.reading() as db:
        assert [(row.id, row.carried_to) for row in await db.exec(select(Hold))] == [
            (held.id, None)
        ]
        query = select(LedgerEntry).where(LedgerEntry.wallet_transaction_id == made.id)
        rows = {row.movement: row for row in await db.exec(query)}
    # The capture shows what it took. Its own entry makes the rest available again.
    assert {name: row.amount for name, row in rows.items()} == {"post": 1000, "void": 3000}
    assert rows["void"].created_at == LATER


@pytest.mark.parametrize("posted_at", [EARLIER, NOW, LATER])
async def test_a_repeated_hold_is_the_first_one_and_not_what_is_left_of_it(
    ctx: Backend, card: Card, posted_at: datetime
) -> None:
    """The clocks of two processes differ, so the rest can be older than its origin."""

    async def hold() -> tuple[str, str, int]:
        async with ctx.db.unit_of_work() as db:
            locked = await ledger.lock_card(db, card.id)
            made, held = await ledger.hold(db, locked, 4000, cause("hold"), "wallets")
            return made.id, held.id, held.amount

    first = await hold()
    async with ctx.db.unit_of_work() as db:
        held = await ledger.lock_hold(db, first[1])
        await ledger.post(db, held, 1000, cause("post", posted_at), keep_rest=True)
    assert await hold() == first


async def test_a_locked_row_is_what_the_database_holds_now(ctx: Backend, card: Card) -> None:
    """The data that this unit of work read before its lock may have changed since."""
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        _, held = await ledger.hold(db, locked, 1000, cause("hold"), "wallets")
    async with ctx.db.reading() as db:
        card_before = await db.get(Card, card.id)
        hold_before = await db.get(Hold, held.id)
        assert card_before is not None and card_before.held == 1000
        assert hold_before is not None and hold_before.state == "pending"
        async with ctx.db.unit_of_work() as other:
            theirs = await ledger.lock_hold(other, held.id)
            await ledger.void(other, theirs, cause("void"))
        assert (await ledger.lock_card(db, card.id)).held == 0
        assert (await ledger.lock_hold(db, held.id)).state == "voided"


async def test_the_callers_card_has_the_new_sums(ctx: Backend, card: Card) -> None:
    """A second movement in one unit of work starts from what the first one left."""
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        await ledger.draw(db, locked, 300, cause("draw"))
        assert (locked.funds, locked.available, locked.held, locked.drawn) == (10000, 9700, 0, 300)


async def test_a_hook_is_told_of_a_movement(ctx: Backend, card: Card) -> None:
    hook = await subscribe(ctx, "wallet_transaction", "checkout_transaction")
    await subscribe(ctx, "checkout_transaction")
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        parent = await ledger.draw(db, locked, 300, cause("draw"))
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        made = await ledger.refund(db, locked, 200, cause("refund", LATER), parent.id)
    first, told = await deliveries(ctx)
    assert (first.subject, first.created_at) == (parent.id, NOW)
    assert first.body is not None and "parent_id" not in first.body["transaction"]
    expected: dict[str, Any] = {
        "account_id": ACCOUNT,
        "event": "wallet_transaction",
        "event_delivery": told.id,
        "transaction": {
            "id": made.id,
            "ref_id": "refund",
            "card_id": "card-1",
            "type": "fund",
            "pending": False,
            "amount": 200,
            "currency": "NOK",
            "metadata": {"receipt": "refund"},
            "created_at": "2026-11-23T12:05:00.250Z",
            "created_by": "the-till",
            "parent_id": parent.id,
            "originated_by": "a-shop",
        },
    }
    assert told.body == expected
    assert (told.kind, told.event, told.subject) == ("webhook", "wallet_transaction", made.id)
    assert (told.account_id, told.subscription_id, told.method) == (ACCOUNT, hook, "POST")
    assert (told.url, told.addressee) == (
        "https://user:word@hooks.example:8443/told",
        "hooks.example:8443",
    )
    assert (told.due_at, told.created_at) == (LATER, LATER)


async def test_a_repeated_movement_tells_nobody_again(ctx: Backend, card: Card) -> None:
    await subscribe(ctx, "wallet_transaction")
    for _ in range(2):
        async with ctx.db.unit_of_work() as db:
            locked = await ledger.lock_card(db, card.id)
            await ledger.draw(db, locked, 300, cause("draw"))
    assert len(await deliveries(ctx)) == 1


async def test_a_movement_of_nothing_is_written_and_moves_nothing(ctx: Backend, card: Card) -> None:
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        made = await ledger.fund(db, locked, 0, cause("nothing"))
    assert (await transactions(ctx, card))["nothing"].id == made.id
    async with ctx.db.reading() as db:
        query = select(LedgerEntry).where(LedgerEntry.wallet_transaction_id == made.id)
        assert (await db.exec(query)).all() == []


def test_the_codes_that_a_caller_gets() -> None:
    assert InsufficientFunds("x").code == "INSUFFICIENT_FUNDS"
    assert HoldResolved("x").code == "ALREADY_RESOLVED"


async def test_money_does_not_move_from_a_card_to_itself(ctx: Backend, card: Card) -> None:
    """This also holds without further information."""
    bare = EntryContext("move", NOW, "tests")
    other = await issue(ctx, "other", 0)
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        with pytest.raises(Conflict, match="two cards"):
            await ledger.transfer(db, locked, locked, 1, bare)
        target = await ledger.lock_card(db, other.id)
        out, into = await ledger.transfer(db, locked, target, 1, bare)
    assert out.metadata_ == {"transferred_to": "other"}
    assert into.metadata_ == {"transferred_from": "card-1"}


async def test_what_is_fresh_is_not_looked_for(ctx: Backend, card: Card) -> None:
    """The caller claims that the reference is new. A false claim meets the database's own
    constraint."""
    fresh = EntryContext("hold", NOW, "tests", fresh=True)
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        made, held = await ledger.hold(db, locked, 10, fresh, "wallets")
        assert (held.id, held.wallet_transaction_id, held.amount) == (made.id, made.id, 10)
    with pytest.raises(IntegrityError):
        async with ctx.db.unit_of_work() as db:
            locked = await ledger.lock_card(db, card.id)
            await ledger.hold(db, locked, 10, fresh, "wallets")


@pytest.mark.parametrize("change", [{"amount": 301}, {"pending": True}, {"movement": "fund"}])
async def test_a_ref_id_is_used_for_one_thing(
    ctx: Backend, card: Card, change: dict[str, Any]
) -> None:
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        first = await ledger.draw(db, locked, 300, cause("same"))
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        assert (await ledger.draw(db, locked, 300, cause("same"))).id == first.id
        with pytest.raises(Conflict, match="this ref_id was used"):
            if "amount" in change:
                await ledger.draw(db, locked, 301, cause("same"))
            elif "pending" in change:
                await ledger.hold(db, locked, 300, cause("same"), "wallets")
            else:
                await ledger.fund(db, locked, 300, cause("same"))
    # On another card it is another reference.
    other = await issue(ctx, "other", 500)
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, other.id)
        second = await ledger.draw(db, locked, 300, cause("same"))
    assert second.id != first.id


async def test_a_movement_changes_its_own_card_alone(ctx: Backend, card: Card) -> None:
    other = await issue(ctx, "other", 500)
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        await ledger.draw(db, locked, 300, cause("draw"))
        _, held = await ledger.hold(db, locked, 200, cause("hold"), "wallets")
        await ledger.void(db, held, cause("void"))
    async with ctx.db.reading() as db:
        row = await db.get(Card, other.id)
    assert row is not None
    assert (row.funds, row.available, row.held, row.drawn) == (500, 500, 0, 0)


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
        """Return the ids of a token and of the hold that used it up."""
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


async def test_a_locked_row_is_locked_for_others_too(postgresql_url: str) -> None:
    """SQLite locks the whole database for each writer."""
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
