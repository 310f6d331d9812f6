"""Prove that transactions and ledger agree.

The database adds up, and rows are read in portions, only with the columns that are compared,
because years of payments do not fit into memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import ScalarSelect, Select, Subquery, and_, case, func, literal
from sqlalchemy import select as select_rows
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.audit import Difference, audit_cards, in_portions
from backend.cards.tables import Hold, LedgerEntry, WalletTransaction
from backend.core.db import Database
from backend.payments.store import OPEN_STATES
from backend.payments.tables import Operation, Transaction
from backend.rules.session import SessionState
from backend.rules.transaction import UNPAID, Position, RuleBroken, Split, Status
from backend.sessions.tables import CheckoutSession

_BEFORE_THE_END = (Status.INITIATED, Status.ON_HOLD)
_SESSION_OF = {Status.INITIATED: SessionState.PAYING, Status.ON_HOLD: SessionState.ON_HOLD}
_WITH_TRANSACTION = (*_SESSION_OF.values(), SessionState.PAID)
_PARTS = ("authorized", "captured", "refunded", "released")
_PURPOSE = "transaction:"


async def audit_transactions(db: AsyncSession) -> AsyncIterator[Difference]:
    """Yield every transaction whose amounts are impossible, or whose card part is not what the
    ledger moved for it."""
    async for row in in_portions(db, _transactions()):
        for difference in _compared(*row):
            yield difference
    async for difference in _audit_sessions(db):
        yield difference


def _compared(id_: str, status: str, amount: int, *numbers: Any) -> list[Difference]:
    """Compare a transaction with what the ledger moved for it. `numbers` are the eight of its
    position, the card's part of what was asked for, and what is posted, pending and returned."""
    values = [int(number or 0) for number in numbers]
    splits = [Split(values[place], values[place + 1]) for place in range(0, 8, 2)]
    position = Position(**dict(zip(_PARTS, splits, strict=True)))
    asked, posted, pending, returned = values[8:]
    found = []
    try:
        position.check()
    except RuleBroken:
        found.append(Difference(id_, "refunded <= captured <= authorized", 0, 1))
    expected_hold = asked if status in _BEFORE_THE_END else position.capturable.card
    for what, expected, moved in (
        ("card part captured", posted, position.captured.card),
        ("card part refunded", returned, position.refunded.card),
        ("card part held", expected_hold, pending),
    ):
        if expected != moved:
            found.append(Difference(id_, what, expected, moved))
    if Status(status) not in {*_BEFORE_THE_END, *UNPAID} and position.authorized.total != amount:
        found.append(Difference(id_, "amount", amount, position.authorized.total))
    return found


def _transactions() -> Select[Any]:
    """Select for each transaction what `_compared` takes."""
    held, returned = _holds(), _returned()
    purpose = literal(_PURPOSE) + col(Transaction.id)
    before = col(Transaction.status).in_(_BEFORE_THE_END)
    return (
        select_rows(
            col(Transaction.id),
            col(Transaction.status),
            col(Transaction.amount),
            *(getattr(Transaction, f"{by}_{part}") for part in _PARTS for by in ("card", "psp")),
            case((before, _asked()), else_=0),
            held.c.posted,
            held.c.pending,
            returned.c.amount,
        )
        .outerjoin(held, held.c.purpose == purpose)
        .outerjoin(returned, returned.c.purpose == purpose)
    )


def _asked() -> ScalarSelect[int]:
    """Return the gift card's part of the amount that the payment was begun with."""
    query = select_rows(col(Operation.card_amount)).where(
        col(Operation.transaction_id) == col(Transaction.id), col(Operation.kind) == "authorize"
    )
    return query.correlate(Transaction).scalar_subquery()


def _holds() -> Subquery:
    """Add up for each purpose what is posted and what is pending."""
    waits = case((col(Hold.state) == "pending", col(Hold.amount)), else_=0)
    return (
        select_rows(
            col(Hold.purpose).label("purpose"),
            func.sum(Hold.posted).label("posted"),
            func.sum(waits).label("pending"),
        )
        .where(col(Hold.purpose).startswith(_PURPOSE))
        .group_by(col(Hold.purpose))
        .subquery()
    )


def _returned() -> Subquery:
    """Add up the refunds in the ledger. The drawdown that a refund came from leads to its
    transaction."""
    made = col(LedgerEntry.wallet_transaction_id)
    return (
        select_rows(
            col(Hold.purpose).label("purpose"), func.sum(LedgerEntry.amount).label("amount")
        )
        .select_from(LedgerEntry)
        .join(WalletTransaction, col(WalletTransaction.id) == made)
        # The first hold of a drawdown has its id. Later holds of the same do not, so none counts
        # twice.
        .join(Hold, col(Hold.id) == col(WalletTransaction.parent_id))
        .where(col(LedgerEntry.movement) == "refund")
        .group_by(col(Hold.purpose))
        .subquery()
    )


async def _audit_sessions(db: AsyncSession) -> AsyncIterator[Difference]:
    """Check that a session that is paying, on hold or paid has its transaction, and that an ended
    operation leaves none open."""
    looked_at = (
        select_rows(func.count())
        .where(
            col(Operation.transaction_id) == col(Transaction.id),
            col(Operation.state).in_(OPEN_STATES),
        )
        .correlate(Transaction)
        .scalar_subquery()
    )
    query = (
        select_rows(
            col(CheckoutSession.id),
            col(CheckoutSession.state),
            col(Transaction.id),
            col(Transaction.status),
            case((col(Transaction.status) == Status.INITIATED, looked_at), else_=1),
        )
        .outerjoin(
            Transaction,
            and_(
                col(Transaction.id) == col(CheckoutSession.transaction_id),
                col(Transaction.session_id) == col(CheckoutSession.id),
            ),
        )
        .where(col(CheckoutSession.state).in_(_WITH_TRANSACTION))
    )
    async for session_id, state, transaction_id, status, open_ in in_portions(db, query):
        if transaction_id is None:
            yield Difference(session_id, f"a session that is {state} has a transaction", 1, 0)
            continue
        expected = _SESSION_OF.get(Status(status), SessionState.PAID)
        if state != expected:
            yield Difference(session_id, f"{state} with {status}", 0, 1)
        if not open_:
            yield Difference(transaction_id, "a try that nobody looks at", 1, 0)


async def audit_everything(database: Database) -> list[Difference]:
    """Audit cards and transactions as of one moment. The list is empty if no money was lost."""
    async with database.snapshot() as db:
        cards = [difference async for difference in audit_cards(db)]
        return cards + [difference async for difference in audit_transactions(db)]
