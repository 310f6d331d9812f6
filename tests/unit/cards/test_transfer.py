"""Money moves from one card to another. Both books balance, and the audit misses nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.cards import ledger, renew
from backend.cards.audit import Difference, audit_cards
from backend.cards.ledger import EntryContext, InsufficientFunds
from backend.cards.renew import Change
from backend.cards.tables import Card, WalletTransaction
from backend.core.context import Backend
from backend.core.errors import Conflict
from tests.unit.cards.conftest import ACCOUNT, issue

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


async def move(
    ctx: Backend, source: Card, target: Card, amount: int, ref: str = "move"
) -> tuple[WalletTransaction, WalletTransaction]:
    async with ctx.db.unit_of_work() as db:
        one = await ledger.lock_card(db, source.id)
        other = await ledger.lock_card(db, target.id)
        return await ledger.transfer(
            db, one, other, amount, EntryContext(ref, NOW, "tests", {"a": 1})
        )


async def sums(ctx: Backend, card: Card) -> tuple[int, int, int, int]:
    """Return the card's funds, available, held and drawn amounts."""
    async with ctx.db.reading() as db:
        row = await db.get(Card, card.id)
    assert row is not None
    return row.funds, row.available, row.held, row.drawn


async def differences(ctx: Backend) -> list[Difference]:
    async with ctx.db.snapshot() as db:
        return [difference async for difference in audit_cards(db)]


async def test_both_books_balance(ctx: Backend, card: Card) -> None:
    other = await issue(ctx, "other", 500)
    out, into = await move(ctx, card, other, 3000)
    assert (out.type, out.card, out.parent_id) == ("transfer", card.id, None)
    assert (into.type, into.card, into.parent_id) == ("fund", other.id, out.id)
    assert out.metadata_ == {"a": 1, "transferred_to": "other"}
    assert into.metadata_ == {"a": 1, "transferred_from": "card-1"}
    assert await sums(ctx, card) == (7000, 7000, 0, 0)
    assert await sums(ctx, other) == (3500, 3500, 0, 0)
    again = await move(ctx, card, other, 3000)
    assert [made.id for made in again] == [out.id, into.id]
    assert await sums(ctx, other) == (3500, 3500, 0, 0)
    assert await differences(ctx) == []


async def test_what_is_refused_moves_nothing(ctx: Backend, card: Card) -> None:
    swedish = await issue(ctx, "swedish", 0, "SEK")
    other = await issue(ctx, "other", 0)
    with pytest.raises(InsufficientFunds):
        await move(ctx, card, other, 10001)
    for target in (swedish, card):
        with pytest.raises(Conflict):
            await move(ctx, card, target, 1)
    await move(ctx, card, other, 1, "used")
    with pytest.raises(Conflict):
        await move(ctx, card, other, 2, "used")
    assert await sums(ctx, card) == (9999, 9999, 0, 0)
    assert await sums(ctx, swedish) == (0, 0, 0, 0)
    assert await sums(ctx, other) == (1, 1, 0, 0)
    assert await differences(ctx) == []


async def test_money_that_never_arrived_is_seen(ctx: Backend, card: Card) -> None:
    """Each card's own books balance, so only the pair reveals the fault."""
    out = await _one_side(ctx, card, "move_out", 3000)
    assert await differences(ctx) == [Difference(out, "moved to another card", 3000, 0)]
    into = await _one_side(ctx, card, "move_in", 2000)
    assert sorted(await differences(ctx), key=str) == sorted(
        [
            Difference(out, "moved to another card", 3000, 0),
            Difference(into, "moved to another card", 0, 2000),
        ],
        key=str,
    )


async def _one_side(ctx: Backend, card: Card, movement: str, amount: int) -> str:
    async with ctx.db.unit_of_work() as db:
        locked = await ledger.lock_card(db, card.id)
        cause = EntryContext(f"half-{movement}", NOW, "tests")
        return (await ledger._once(db, locked, movement, amount, cause)).id


async def test_what_was_done_to_a_card_is_written_for_good(ctx: Backend, card: Card) -> None:
    change = Change(ACCOUNT, card.card_id, "tests", "lost")
    await renew.reissue(ctx, change)
    for verb in ("UPDATE card_event SET created_by = 'x'", "DELETE FROM card_event"):
        with pytest.raises(DBAPIError, match="card_event is append only"):
            async with ctx.db.unit_of_work() as db:
                await (await db.connection()).execute(text(verb))
