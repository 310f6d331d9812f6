"""Prove that no money was lost: fold the ledger again and compare with what the rows say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import func
from sqlalchemy.orm import load_only
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.tables import Card, Hold, LedgerEntry, WalletTransaction

ACCOUNTS = ("funds", "available", "held", "drawn")
PORTION = 500
"""How many rows are in memory at once."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`subject` is a card's or transaction's id; amounts in minor units."""

    subject: str
    what: str
    expected: int
    found: int


async def audit_cards(db: AsyncSession) -> AsyncIterator[Difference]:
    """Yield every card whose row, holds and entries disagree."""
    folded = await _fold(db)
    holds = await _pending_holds(db)
    foreign = await _foreign_currencies(db)
    some = load_only(*(getattr(Card, name) for name in ("id", *ACCOUNTS)))
    rows = select(Card).options(some).execution_options(yield_per=PORTION)
    async for card in await db.stream_scalars(rows):
        sums = folded.pop(card.id, dict.fromkeys(ACCOUNTS, 0))
        for account in ACCOUNTS:
            if sums[account] != getattr(card, account):
                yield Difference(card.id, account, sums[account], getattr(card, account))
        debits = sums["funds"]
        credits = sums["available"] + sums["held"] + sums["drawn"]
        if debits != credits:
            yield Difference(card.id, "debit = credit", debits, credits)
        for account in ("available", "held", "drawn"):
            if sums[account] < 0:
                yield Difference(card.id, f"{account} is never negative", 0, sums[account])
        if holds.get(card.id, 0) != sums["held"]:
            yield Difference(card.id, "pending holds", holds.get(card.id, 0), sums["held"])
        if foreign.get(card.id):
            yield Difference(card.id, "entries of another currency", 0, foreign[card.id])
    for orphan in folded:
        yield Difference(orphan, "entries without a card", 0, 1)
    async for difference in _audit_transfers(db):
        yield difference


async def _audit_transfers(db: AsyncSession) -> AsyncIterator[Difference]:
    """Yield money that left one card and did not arrive on another, or that arrived without leaving
    one."""
    moved = select(
        LedgerEntry.wallet_transaction_id, LedgerEntry.amount, WalletTransaction.parent_id
    ).join(WalletTransaction, col(WalletTransaction.id) == col(LedgerEntry.wallet_transaction_id))
    gone = {
        id_: amount
        for id_, amount, _ in await db.exec(moved.where(LedgerEntry.movement == "move_out"))
    }
    arrived: dict[str, int] = defaultdict(int)
    for id_, amount, parent in await db.exec(moved.where(LedgerEntry.movement == "move_in")):
        arrived[parent or id_] += amount
    for id_ in sorted(gone.keys() | arrived.keys()):
        if gone.get(id_, 0) != arrived.get(id_, 0):
            yield Difference(id_, "moved to another card", gone.get(id_, 0), arrived.get(id_, 0))


async def _fold(db: AsyncSession) -> dict[str, dict[str, int]]:
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(ACCOUNTS, 0))
    for side, sign in ((LedgerEntry.debit, -1), (LedgerEntry.credit, 1)):
        query = select(LedgerEntry.card, side, func.sum(LedgerEntry.amount)).group_by(
            col(LedgerEntry.card), col(side)
        )
        for card, account, total in await db.exec(query):
            # The contra account `funds` grows with debits.
            sums[card][account] += int(total) * (-sign if account == "funds" else sign)
    return dict(sums)


async def _pending_holds(db: AsyncSession) -> dict[str, int]:
    query = select(Hold.card, func.sum(Hold.amount)).where(Hold.state == "pending")
    rows = await db.exec(query.group_by(col(Hold.card)))
    return {card: int(total) for card, total in rows}


async def _foreign_currencies(db: AsyncSession) -> dict[str, int]:
    query = select(LedgerEntry.card, func.count()).join(Card, col(Card.id) == col(LedgerEntry.card))
    query = query.where(col(LedgerEntry.currency) != col(Card.currency))
    rows = await db.exec(query.group_by(col(LedgerEntry.card)))
    return {card: int(count) for card, count in rows}
