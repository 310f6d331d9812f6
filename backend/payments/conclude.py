"""How an attempt to pay ends: AUTHORIZED, or else with everything released. Each function works in
the caller's unit of work, with session and transaction locked. Source:
`docs/architecture.md#one-payment`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from types import MappingProxyType

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import ledger
from backend.payments.auto_capture_schedule import schedule
from backend.payments.callbacks import Unpaid, tell_merchant
from backend.payments.receipts import write_receipt
from backend.payments.store import NewEvent, keep_position, record
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import PaymentCard
from backend.rules import transaction as rules
from backend.rules.payment_attempt import unpaid_status
from backend.rules.session import SessionState
from backend.rules.transaction import Position, Split, Status
from backend.sessions import events
from backend.sessions.paying import payment_over
from backend.sessions.tables import CheckoutSession
from backend.sessions.view import Notice

EXPIRED = "expired"
"""The code of an attempt whose payer never came back."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a read at the provider has confirmed. `said` is set if an operator asked for it."""

    card: PaymentCard | None
    multi_capture: bool
    said: OperatorDecision | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed. The payer reads `notice`; `code` and `message` are the provider's, or
    `EXPIRED`."""

    notice: Notice
    code: str
    message: str | None = None


async def authorize(
    db: AsyncSession,
    session: CheckoutSession,
    transaction: Transaction,
    operation: Operation,
    now: datetime,
    confirmed: Confirmed | None = None,
) -> None:
    """Authorize the payment: the card's part is held, and a read has confirmed the provider's part,
    if there is one."""
    card = confirmed.card if confirmed else None
    said = confirmed.said if confirmed else None
    split = Split(operation.card_amount, operation.psp_amount)
    transaction.status = rules.advance(Status(transaction.status), Status.AUTHORIZED)
    keep_position(transaction, Position(authorized=split), now)
    transaction.payment_card = asdict(card) if card is not None else None
    transaction.card_brand = card.brand.lower() if card is not None else None
    transaction.multi_capture = confirmed.multi_capture if confirmed else False
    end(operation, "done", now)
    if transaction.purchase.auto_capture:
        schedule(db, transaction, now)
    await record(
        db,
        transaction,
        NewEvent(
            "AUTHORIZE",
            transaction.amount,
            card_amount=split.card,
            wallet_transaction_id=transaction.hold_id,
            created_by=said.who if said else operation.created_by,
            metadata=dict(said.metadata) if said else {},
        ),
        now,
    )
    # This follows the flush of `record`, so that the session's row is written once.
    payment_over(session, SessionState.PAID)
    details = {
        "payment_product_type": transaction.payment_product_type,
        "amount": transaction.amount,
    }
    await events.record_all(db, session, (("AUTHORIZED", details), ("COMPLETED", {})), now)
    await write_receipt(db, session, transaction, operation, now)
    await tell_merchant(db, session, transaction, now)


async def fail(
    db: AsyncSession,
    session: CheckoutSession,
    transaction: Transaction,
    operation: Operation,
    now: datetime,
    failure: Failure,
) -> None:
    """Fail the attempt: no money will move, because the provider says so or because nothing was
    ever sent. The hold is released, and the session is open for another attempt. The status is
    DECLINED if the payer declined, and FAILED if anybody else did or time ran out (`code`
    EXPIRED)."""
    notice, code = failure.notice, failure.code
    was_on_hold = transaction.status == Status.ON_HOLD
    by_choice = notice in (Notice.PAYMENT_CANCELLED, Notice.GIFT_CARD_TAKEN_BACK)
    to = unpaid_status(by_payer=by_choice, timed_out=code == EXPIRED, was_on_hold=was_on_hold)
    transaction.status = rules.advance(Status(transaction.status), to)
    error = {"code": code, "message": failure.message or code}
    end(operation, "refused", now, error)
    await _void_hold(
        db, transaction, ledger.EntryContext(f"fail:{operation.key}", now, operation.created_by)
    )
    asked = operation.asked.metadata
    await _record_failure(db, transaction, error, now, by=operation.created_by, metadata=asked)
    transaction.updated_at = now
    payment_over(session, SessionState.OPEN, notice)
    details = {"error": code, "payment_product_type": transaction.payment_product_type}
    names = ("DECLINED",) if to is Status.DECLINED else ("PAY_FAILED", "FAILED")
    await events.record_all(db, session, [(name, details) for name in names], now)
    reported = "cancelled" if by_choice else "failed"
    # A merchant who was told that it is on hold is told that it is not any more, whether asked for
    # or not.
    await tell_merchant(db, session, transaction, now, unpaid=Unpaid(reported, always=was_on_hold))


async def _void_hold(
    db: AsyncSession, transaction: Transaction, cause: ledger.EntryContext
) -> str | None:
    """Return the wallet transaction that released the card's part, if there is one."""
    if transaction.hold_id is None:
        return None
    held = await ledger.lock_hold(db, transaction.hold_id)
    return (await ledger.void(db, held, cause)).id


async def release(
    db: AsyncSession,
    session: CheckoutSession,
    transaction: Transaction,
    operation: Operation,
    now: datetime,
) -> str | None:
    """Fail a payment that was ON_HOLD and voided, after which the provider holds nothing any more.
    The session is open for another attempt. Return the wallet transaction's id. The caller records
    the event."""
    transaction.status = rules.advance(Status(transaction.status), Status.FAILED)
    cause = ledger.EntryContext(f"void:{operation.key}", now, operation.created_by)
    moved = await _void_hold(db, transaction, cause)
    transaction.updated_at = now
    payment_over(session, SessionState.OPEN, Notice.PAYMENT_CANCELLED)
    await events.record(db, session, "FAILED", now, {"error": "ON_HOLD"})
    await tell_merchant(db, session, transaction, now, unpaid=Unpaid("failed", always=True))
    return moved


@dataclass(frozen=True, slots=True)
class OperatorDecision:
    """What an operator decided: who, and why."""

    by: str
    why: str

    @property
    def who(self) -> str:
        return f"operator:{self.by}"

    @property
    def metadata(self) -> dict[str, str]:
        return {"resolved_by": self.by, "reason": self.why}


async def mark_unknown(
    db: AsyncSession,
    session: CheckoutSession,
    transaction: Transaction,
    operation: Operation,
    now: datetime,
    said: OperatorDecision,
) -> None:
    """Mark the payment UNKNOWN, because nobody can tell whether the provider has the payer's money.
    The card's part was never taken, and is released. The session is cancelled, so that nobody pays
    it twice."""
    transaction.status = rules.advance(Status(transaction.status), Status.UNKNOWN)
    transaction.updated_at = now
    error = {"code": "unknown", "message": said.why}
    end(operation, "refused", now, error)
    await _void_hold(db, transaction, ledger.EntryContext(f"lose:{operation.key}", now, said.who))
    await _record_failure(db, transaction, error, now, by=said.who, metadata=said.metadata)
    payment_over(session, SessionState.CANCELLED)
    session.cancelled_at, session.cancelled_by = now, said.who
    details = {"error": "unknown", "payment_product_type": transaction.payment_product_type}
    await events.record_all(db, session, (("UNKNOWN", details), ("CANCELLED", details)), now)
    await tell_merchant(db, session, transaction, now, unpaid=Unpaid("failed"))


async def put_on_hold(
    db: AsyncSession,
    session: CheckoutSession,
    transaction: Transaction,
    operation: Operation,
    now: datetime,
    why: str,
) -> None:
    """Put the payment on hold, because the provider authorized something else than we asked for. A
    person has to look. The hold stays, nothing is captured, and nobody pays twice."""
    first = _hold_on(session, transaction, now)
    error = {"code": "amount_mismatch", "message": why}
    end(operation, "refused", now, error)
    await _record_failure(db, transaction, error, now, by=operation.created_by)
    await events.record(db, session, "PAY_FAILED", now, {"error": "ON_HOLD"})
    if first:
        await tell_merchant(db, session, transaction, now)


async def place_under_review(
    db: AsyncSession,
    session: CheckoutSession,
    transaction: Transaction,
    operation: Operation,
    now: datetime,
) -> None:
    """Put the payment under review, because the provider may need days to decide. The payer is
    done, the card's part stays held, and the attempt stays open to be read again. The merchant is
    told once."""
    if not _hold_on(session, transaction, now):
        return
    await record(
        db,
        transaction,
        NewEvent(
            "AUTHORIZE",
            transaction.amount,
            card_amount=operation.card_amount,
            wallet_transaction_id=transaction.hold_id,
            created_by=operation.created_by,
        ),
        now,
    )
    await tell_merchant(db, session, transaction, now)
    events.touch(session, now)


async def _record_failure(
    db: AsyncSession,
    transaction: Transaction,
    error: dict[str, str],
    now: datetime,
    *,
    by: str,
    metadata: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Record that the payment was not authorized. `by` is who caused it."""
    event = NewEvent(
        "AUTHORIZE",
        transaction.amount,
        success=False,
        error=error,
        created_by=by,
        metadata=dict(metadata),
    )
    await record(db, transaction, event, now)


def _hold_on(session: CheckoutSession, transaction: Transaction, now: datetime) -> bool:
    """Put the session on hold. Return whether it was not on hold before."""
    if transaction.status == Status.ON_HOLD:
        return False
    transaction.status = rules.advance(Status(transaction.status), Status.ON_HOLD)
    transaction.updated_at = now
    payment_over(session, SessionState.ON_HOLD)
    return True


def end(
    operation: Operation, state: str, now: datetime, error: dict[str, str] | None = None
) -> None:
    """End the operation, with success or without."""
    operation.state = state
    operation.error = error
    operation.claimed_until = None
    operation.updated_at = now
