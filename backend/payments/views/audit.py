"""Prove that transactions and ledger agree.

Rows are read in portions, and only with the columns that are compared, because years of payments do
not fit into memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import and_, func
from sqlalchemy.orm import load_only
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.audit import PORTION, Difference, audit_cards
from backend.cards.tables import Hold, LedgerEntry, WalletTransaction
from backend.core.db import Database
from backend.payments.store import open_operation, position_of
from backend.payments.tables import Operation, Transaction
from backend.rules.session import SessionState
from backend.rules.transaction import UNPAID, RuleBroken, Status
from backend.sessions.tables import CheckoutSession

_BEFORE_THE_END = (Status.INITIATED, Status.ON_HOLD)
_SESSION_OF = {Status.INITIATED: SessionState.PAYING, Status.ON_HOLD: SessionState.ON_HOLD}
_WITH_TRANSACTION = (*_SESSION_OF.values(), SessionState.PAID)
_POSITION: tuple[Any, ...] = (
    Transaction.id, Transaction.status, Transaction.amount,
    Transaction.card_authorized, Transaction.card_captured, Transaction.card_refunded,
    Transaction.card_released, Transaction.psp_authorized, Transaction.psp_captured,
    Transaction.psp_refunded, Transaction.psp_released,
)  # fmt: skip


async def audit_transactions(db: AsyncSession) -> AsyncIterator[Difference]:
    """Yield every transaction whose amounts are impossible, or whose card part is not what the
    ledger moved for it."""
    posted = await _posted(db)
    returned = await _returned(db)
    pending = await _pending(db)
    some = load_only(*_POSITION)
    rows = select(Transaction).options(some).execution_options(yield_per=PORTION)
    async for transaction in await db.stream_scalars(rows):
        position = position_of(transaction)
        try:
            position.check()
        except RuleBroken:
            yield Difference(transaction.id, "refunded <= captured <= authorized", 0, 1)
        expected_hold = await _expected_hold(db, transaction)
        checks = (
            ("card part captured", posted.get(transaction.id, 0), position.captured.card),
            ("card part refunded", returned.get(transaction.id, 0), position.refunded.card),
            ("card part held", expected_hold, pending.get(transaction.id, 0)),
        )
        for what, expected, found in checks:
            if expected != found:
                yield Difference(transaction.id, what, expected, found)
        if Status(transaction.status) not in {*_BEFORE_THE_END, *UNPAID}:
            total = position.authorized.total
            if total != transaction.amount:
                yield Difference(transaction.id, "amount", transaction.amount, total)
    async for difference in _audit_sessions(db):
        yield difference


async def _expected_hold(db: AsyncSession, transaction: Transaction) -> int:
    """Return what the transaction's state says should be held for it."""
    if transaction.status in _BEFORE_THE_END:
        query = select(Operation.card_amount).where(
            Operation.transaction_id == transaction.id, Operation.kind == "authorize"
        )
        return (await db.exec(query)).one()
    return position_of(transaction).capturable.card


async def _posted(db: AsyncSession) -> dict[str, int]:
    query = select(Hold.purpose, func.sum(Hold.posted)).where(
        col(Hold.purpose).startswith("transaction:")
    )
    rows = await db.exec(query.group_by(col(Hold.purpose)))
    return {purpose.removeprefix("transaction:"): int(total) for purpose, total in rows}


async def _pending(db: AsyncSession) -> dict[str, int]:
    query = select(Hold.purpose, func.sum(Hold.amount)).where(
        col(Hold.purpose).startswith("transaction:"), Hold.state == "pending"
    )
    rows = await db.exec(query.group_by(col(Hold.purpose)))
    return {purpose.removeprefix("transaction:"): int(total) for purpose, total in rows}


async def _returned(db: AsyncSession) -> dict[str, int]:
    """Return the refunds by the ledger, traced to their transaction by the drawdown they came
    from."""
    query = (
        select(Hold.purpose, func.sum(LedgerEntry.amount))
        .select_from(LedgerEntry)
        .join(
            WalletTransaction,
            col(WalletTransaction.id) == col(LedgerEntry.wallet_transaction_id),
        )
        # The first hold of a drawdown has its id. Later holds of the same do not, so none counts
        # twice.
        .join(Hold, col(Hold.id) == col(WalletTransaction.parent_id))
        .where(LedgerEntry.movement == "refund")
        .group_by(col(Hold.purpose))
    )
    rows = await db.exec(query)
    return {purpose.removeprefix("transaction:"): int(total) for purpose, total in rows}


async def _audit_sessions(db: AsyncSession) -> AsyncIterator[Difference]:
    """Check that a session that is paying, on hold or paid has its transaction, and that an ended
    operation leaves none open."""
    query = (
        select(CheckoutSession.id, CheckoutSession.state, Transaction.id, Transaction.status)
        .outerjoin(
            Transaction,
            and_(
                col(Transaction.id) == col(CheckoutSession.transaction_id),
                col(Transaction.session_id) == col(CheckoutSession.id),
            ),
        )
        .where(col(CheckoutSession.state).in_(_WITH_TRANSACTION))
        .execution_options(yield_per=PORTION)
    )
    async for session_id, state, transaction_id, status in await db.stream(query):
        if transaction_id is None:
            yield Difference(session_id, f"a session that is {state} has a transaction", 1, 0)
            continue
        expected = _SESSION_OF.get(Status(status), SessionState.PAID)
        if state != expected:
            yield Difference(session_id, f"{state} with {status}", 0, 1)
        if status == Status.INITIATED and not await open_operation(db, transaction_id):
            yield Difference(transaction_id, "a try that nobody looks at", 1, 0)


async def audit_everything(database: Database) -> list[Difference]:
    """Audit cards and transactions as of one moment. The list is empty if no money was lost."""
    async with database.snapshot() as db:
        cards = [difference async for difference in audit_cards(db)]
        return cards + [difference async for difference in audit_transactions(db)]
