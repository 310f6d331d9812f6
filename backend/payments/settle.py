"""How a try to pay ends: AUTHORIZED, or FAILED with everything given back. Each inside the caller's
unit of work, with session and transaction locked. Source: shared design section 4.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import ledger
from backend.payments.auto_capture_rows import begin
from backend.payments.callbacks import tell_merchant
from backend.payments.receipts import write_receipt
from backend.payments.store import Happened, keep_position, record
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import PaymentCard
from backend.rules import transaction as rules
from backend.rules.session import SessionState
from backend.rules.session import advance as advance_session
from backend.rules.transaction import Position, Split, Status
from backend.sessions import events
from backend.sessions.tables import CheckoutSession
from backend.sessions.view import Notice


async def authorize(
    db: AsyncSession, session: CheckoutSession, transaction: Transaction, operation: Operation,
    now: datetime, *, card: PaymentCard | None = None, multi_capture: bool = False,
) -> None:  # fmt: skip
    """The money is authorized: the card's part is held, the acquirer's is confirmed by a read."""
    split = Split(operation.card_amount, operation.psp_amount)
    transaction.status = rules.advance(Status(transaction.status), Status.AUTHORIZED)
    keep_position(transaction, Position(authorized=split), now)
    transaction.payment_card = asdict(card) if card is not None else None
    transaction.card_brand = card.brand.lower() if card is not None else None
    transaction.multi_capture = multi_capture
    end(operation, "done", now)
    if transaction.snapshot.get("auto_capture"):
        begin(db, transaction, now)
    session.state = advance_session(SessionState(session.state), SessionState.PAID)
    session.redirect_url = session.app_code = None
    session.pushed_to = session.pushed_with = None
    session.notice = None
    await record(db, transaction, Happened("AUTHORIZE", transaction.amount, card_amount=split.card,
                 wallet_transaction_id=transaction.hold_id, created_by=operation.created_by),
                 now)  # fmt: skip
    details = {"payment_product_type": transaction.payment_product_type,
               "amount": transaction.amount}  # fmt: skip
    await events.record(db, session, "AUTHORIZED", now, details)
    await events.record(db, session, "COMPLETED", now)
    await write_receipt(db, session, transaction, operation, now)
    await tell_merchant(db, session, transaction, now)


async def fail(
    db: AsyncSession, session: CheckoutSession, transaction: Transaction, operation: Operation,
    now: datetime, *, notice: Notice, code: str, message: str | None = None,
) -> None:  # fmt: skip
    """No money will move, by the provider's own word or because nothing was ever sent: the hold is
    given back and the session is open again for another try."""
    was_on_hold = transaction.status == Status.ON_HOLD
    transaction.status = rules.advance(Status(transaction.status), Status.FAILED)
    transaction.updated_at = now
    end(operation, "refused", now, {"code": code, "message": message or code})
    if transaction.hold_id is not None:
        held = await ledger.lock_hold(db, transaction.hold_id)
        cause = ledger.Cause(f"fail:{operation.key}", now, operation.created_by)
        await ledger.void(db, held, cause)
    error = {"code": code, "message": message or code}
    await record(db, transaction, Happened("AUTHORIZE", transaction.amount, success=False,
                 error=error, created_by=operation.created_by), now)  # fmt: skip
    session.state = advance_session(SessionState(session.state), SessionState.OPEN)
    session.transaction_id = None
    session.redirect_url = session.app_code = None
    session.pushed_to = session.pushed_with = None
    session.gift_card_amount = 0
    session.notice = notice.value
    details = {"error": code, "payment_product_type": transaction.payment_product_type}
    await events.record(db, session, "PAY_FAILED", now, details)
    by_choice = (Notice.PAYMENT_CANCELLED, Notice.GIFT_CARD_TAKEN_BACK)
    reported = "cancelled" if notice in by_choice else "failed"
    # Who was told that it is on hold is told that it is not any more, asked for or not.
    await tell_merchant(db, session, transaction, now, error=reported, always=was_on_hold)


async def put_on_hold(
    db: AsyncSession, session: CheckoutSession, transaction: Transaction, operation: Operation,
    now: datetime, why: str,
) -> None:  # fmt: skip
    """The provider authorized something else than we asked for: a person has to look. The hold
    stays, nothing is captured, nobody pays twice."""
    first = _hold_on(session, transaction, now)
    error = {"code": "amount_mismatch", "message": why}
    end(operation, "refused", now, error)
    await record(db, transaction, Happened("AUTHORIZE", transaction.amount, success=False,
                 error=error, created_by=operation.created_by), now)  # fmt: skip
    await events.record(db, session, "PAY_FAILED", now, {"error": "ON_HOLD"})
    if first:
        await tell_merchant(db, session, transaction, now)


async def wait_for_review(
    db: AsyncSession, session: CheckoutSession, transaction: Transaction, operation: Operation,
    now: datetime,
) -> None:  # fmt: skip
    """The provider looks into the payment, and may take days: the payer is through, the card's part
    stays held, the try stays open to be read again. The merchant is told once."""
    if not _hold_on(session, transaction, now):
        return
    await record(db, transaction, Happened("AUTHORIZE", transaction.amount,
                 card_amount=operation.card_amount, wallet_transaction_id=transaction.hold_id,
                 created_by=operation.created_by), now)  # fmt: skip
    await tell_merchant(db, session, transaction, now)
    events.touch(session, now)


def _hold_on(session: CheckoutSession, transaction: Transaction, now: datetime) -> bool:
    """Whether it was not on hold before."""
    if transaction.status == Status.ON_HOLD:
        return False
    transaction.status = rules.advance(Status(transaction.status), Status.ON_HOLD)
    transaction.updated_at = now
    session.state = advance_session(SessionState(session.state), SessionState.ON_HOLD)
    session.redirect_url = session.app_code = session.notice = None
    session.pushed_to = session.pushed_with = None
    return True


def end(
    operation: Operation, state: str, now: datetime, error: dict[str, str] | None = None
) -> None:
    """The operation is over, one way or the other."""
    operation.state = state
    operation.error = error
    operation.claimed_until = None
    operation.updated_at = now
