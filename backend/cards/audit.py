"""Prove that no money was lost: fold the ledger again and compare with what the rows say.

The database folds, and the rows come one portion after the other: neither the entries nor the cards
of years have to fit in memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, case, func, literal, union_all
from sqlalchemy import select as select_rows
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.tables import Card, Hold, LedgerEntry, WalletTransaction

ACCOUNTS = ("funds", "available", "held", "drawn")
PORTION = 500
"""How many rows are in memory at once."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between rows and ledger. `subject` is a card's or transaction's id. Amounts are
    in minor units."""

    subject: str
    what: str
    expected: int
    found: int


async def audit_cards(db: AsyncSession) -> AsyncIterator[Difference]:
    """Yield every card whose row, holds and entries disagree."""
    async for id_, *numbers in in_portions(db, _cards()):
        values = [int(number or 0) for number in numbers]
        kept = dict(zip(ACCOUNTS, values[:4], strict=True))
        sums = dict(zip(ACCOUNTS, values[4:8], strict=True))
        foreign, pending = values[8:]
        for difference in _differences(id_, kept, sums):
            yield difference
        if pending != sums["held"]:
            yield Difference(id_, "pending holds", pending, sums["held"])
        if foreign:
            yield Difference(id_, "entries of another currency", 0, foreign)
    async for orphan, _ in in_portions(db, _orphans()):
        yield Difference(orphan, "entries without a card", 0, 1)
    async for id_, gone, arrived in in_portions(db, _transfers()):
        yield Difference(id_, "moved to another card", int(gone), int(arrived))


def _differences(id_: str, kept: dict[str, int], sums: dict[str, int]) -> list[Difference]:
    """Compare a card's row with its entries, and the entries among themselves."""
    found = [
        Difference(id_, account, sums[account], kept[account])
        for account in ACCOUNTS
        if sums[account] != kept[account]
    ]
    debits, credits = sums["funds"], sums["available"] + sums["held"] + sums["drawn"]
    if debits != credits:
        found.append(Difference(id_, "debit = credit", debits, credits))
    found += [
        Difference(id_, f"{account} is never negative", 0, sums[account])
        for account in ("available", "held", "drawn")
        if sums[account] < 0
    ]
    return found


async def in_portions(db: AsyncSession, query: Select[Any]) -> AsyncIterator[Any]:
    """Read the rows of a query without having all of them in memory at once."""
    rows: Any = query.execution_options(yield_per=PORTION)
    async for row in await db.stream(rows):
        yield row


def _cards() -> Select[Any]:
    """Select for each card the sums of its row, the sums of its entries, the number of entries of
    another currency, and the sum of its pending holds."""
    folded, pending = _folded(), _pending()
    return (
        select_rows(
            col(Card.id),
            *(getattr(Card, account) for account in ACCOUNTS),
            *(folded.c[account] for account in ACCOUNTS),
            folded.c.foreign_entries,
            pending.c.amount,
        )
        .outerjoin(folded, folded.c.card == col(Card.id))
        .outerjoin(pending, pending.c.card == col(Card.id))
    )


def _folded() -> Subquery:
    """Add up the entries of each card."""
    other = case((col(LedgerEntry.currency) != col(Card.currency), 1), else_=0)
    return (
        select_rows(
            col(LedgerEntry.card).label("card"),
            *(func.sum(_share_of(account)).label(account) for account in ACCOUNTS),
            func.sum(other).label("foreign_entries"),
        )
        .join(Card, col(Card.id) == col(LedgerEntry.card))
        .group_by(col(LedgerEntry.card))
        .subquery()
    )


def _share_of(account: str) -> ColumnElement[int]:
    """Return what one entry adds to an account of its card."""
    amount = col(LedgerEntry.amount)
    debit, credit = col(LedgerEntry.debit) == account, col(LedgerEntry.credit) == account
    # The contra account `funds` grows with debits, the others with credits.
    grows, shrinks = (debit, credit) if account == "funds" else (credit, debit)
    return case((grows, amount), (shrinks, -amount), else_=0)


def _pending() -> Subquery:
    return (
        select_rows(col(Hold.card).label("card"), func.sum(Hold.amount).label("amount"))
        .where(col(Hold.state) == "pending")
        .group_by(col(Hold.card))
        .subquery()
    )


def _orphans() -> Select[Any]:
    card = col(LedgerEntry.card)
    query: Any = select_rows(card, func.count()).outerjoin(Card, col(Card.id) == card)
    orphans: Select[Any] = query.where(col(Card.id).is_(None)).group_by(card)
    return orphans


def _transfers() -> Select[Any]:
    """Select the money that left one card and did not arrive on another, or that arrived without
    leaving one."""
    entry, nothing = col(LedgerEntry.wallet_transaction_id), literal(0)
    gone: Any = select_rows(
        entry.label("id"),
        col(LedgerEntry.amount).label("gone"),
        nothing.label("arrived"),
    ).where(col(LedgerEntry.movement) == "move_out")
    arrived = (
        select_rows(
            func.coalesce(col(WalletTransaction.parent_id), entry),
            nothing,
            col(LedgerEntry.amount),
        )
        .join(WalletTransaction, col(WalletTransaction.id) == entry)
        .where(col(LedgerEntry.movement) == "move_in")
    )
    both = union_all(gone, arrived).subquery()
    left, come = func.sum(both.c.gone), func.sum(both.c.arrived)
    query = select_rows(both.c.id, left, come).group_by(both.c.id)
    return query.having(left != come).order_by(both.c.id)
