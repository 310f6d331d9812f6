"""How a capture, refund or void ends in our books: the card's part, the transaction's position and
status, its event, the merchant's callback. Each function works in the caller's unit of work, with
the transaction locked. Source: `docs/architecture.md#one-payment`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import ledger
from backend.core.errors import NotFound
from backend.payments import conclude
from backend.payments.callbacks import tell_merchant
from backend.payments.items import vat_of_items
from backend.payments.operations.update_authorization import apply_update
from backend.payments.refund_target import Landing, refund_card
from backend.payments.store import NewEvent, keep_position, position_of, record
from backend.payments.tables import Operation, Transaction, TransactionEvent
from backend.psp.protocol import CHANGES_AUTHORIZATION, OperationKind
from backend.rules import transaction as rules
from backend.rules.transaction import Split, Status
from backend.sessions.load import lock_session
from backend.sessions.tables import CheckoutSession


async def apply_success(
    db: AsyncSession,
    transaction: Transaction,
    operation: Operation,
    now: datetime,
    landing: Landing | None = None,
) -> None:
    """Move the card's part, and update the transaction. `landing` is set for a refund that goes to
    another card than the one that paid."""
    if transaction.status == Status.ON_HOLD:
        await _released(db, transaction, operation, now)
        return
    split = Split(operation.card_amount, operation.psp_amount)
    position, shown = position_of(transaction), None
    if operation.kind == OperationKind.CAPTURE:
        moved = await _post_card(db, transaction, operation, split.card, now)
        position = rules.captured(position, split, final=operation.final)
    elif operation.kind == OperationKind.REFUND:
        landed = await refund_card(db, transaction, operation, now, landing)
        moved, shown = (landed.wallet_transaction_id, landed.shown) if landed else (None, None)
        position = rules.refunded(position, split)
    elif operation.kind == OperationKind.UPDATE:
        moved = transaction.hold_id
        position = apply_update(transaction, operation, split)
    elif operation.kind == OperationKind.EXTEND:
        moved = transaction.hold_id
    else:
        moved = await _void_card(db, transaction, operation, now)
        position = rules.voided(position)
    keep_position(transaction, position, now)
    status = rules.status_after(position, capture=operation.kind == OperationKind.CAPTURE)
    if status != transaction.status:
        transaction.status = rules.advance(Status(transaction.status), status)
    conclude.end(operation, "done", now)
    event = await record_event(
        db,
        transaction,
        operation,
        event_of(operation),
        now,
        Effect(moved, shown),
    )
    session = await db.get(CheckoutSession, transaction.session_id)
    if session is None:
        raise NotFound("there is no such session")
    await tell_merchant(db, session, transaction, now, event=event)


async def _released(
    db: AsyncSession, transaction: Transaction, operation: Operation, now: datetime
) -> None:
    """Apply the void of a payment ON_HOLD. It was never authorized, so nothing of it remains."""
    session = await lock_session(db, transaction.session_id)
    moved = await conclude.release(db, session, transaction, operation, now)
    conclude.end(operation, "done", now)
    event = await record_event(db, transaction, operation, event_of(operation), now, Effect(moved))
    await tell_merchant(db, session, transaction, now, event=event)


def event_of(operation: Operation) -> str:
    """Return the documented name. An authorization that was updated, or extended, is authorized
    again."""
    changes = operation.kind in CHANGES_AUTHORIZATION
    return "AUTHORIZE" if changes else operation.kind.upper()


def _cause(operation: Operation, now: datetime, verb: str) -> ledger.EntryContext:
    return ledger.EntryContext(f"{verb}:{operation.key}", now, operation.created_by)


async def _post_card(
    db: AsyncSession, transaction: Transaction, operation: Operation, amount: int, now: datetime
) -> str | None:
    """Post the card's part. After a final capture the rest of the hold is released."""
    if transaction.hold_id is None:
        return None
    held = await ledger.lock_hold(db, transaction.hold_id)
    if amount == 0:
        if operation.final and held.state == "pending":
            return (await ledger.void(db, held, _cause(operation, now, "release"))).id
        return None
    made, carried = await ledger.post(
        db, held, amount, _cause(operation, now, "capture"), keep_rest=not operation.final
    )
    if carried is not None:
        transaction.hold_id = carried.id
    return made.id


async def _void_card(
    db: AsyncSession, transaction: Transaction, operation: Operation, now: datetime
) -> str | None:
    if transaction.hold_id is None:
        return None
    held = await ledger.lock_hold(db, transaction.hold_id)
    if held.state != "pending":
        return None
    return (await ledger.void(db, held, _cause(operation, now, "void"))).id


@dataclass(frozen=True, slots=True)
class Effect:
    """What an operation did on the gift card's side, or the error that ended it."""

    wallet_transaction_id: str | None = None
    gift_card_shown: dict[str, Any] | None = None
    error: dict[str, str] | None = None


async def record_event(
    db: AsyncSession,
    transaction: Transaction,
    operation: Operation,
    event: str,
    now: datetime,
    effect: Effect | None = None,
) -> TransactionEvent:
    effect = effect or Effect()
    asked = operation.asked
    metadata = dict(asked.metadata)
    if asked.reason is not None:
        metadata["reason"] = asked.reason
    # A 202 answer spoke of this operation. The event that ends it is announced too.
    initiated = event.startswith("INITIATE_")
    was_unresolved = operation.tries > 1 and not initiated
    happened = NewEvent(
        event=event,
        amount=operation.card_amount + operation.psp_amount,
        success=effect.error is None,
        card_amount=operation.card_amount,
        wallet_transaction_id=effect.wallet_transaction_id,
        gift_card_shown=effect.gift_card_shown,
        reference=asked.reference or transaction.purchase.event_reference,
        items=[dict(item.raw) for item in asked.items],
        metadata=metadata,
        error=dict(effect.error) if effect.error else None,
        created_by=operation.created_by,
        request_id=asked.request_id,
        correlation_request_id=asked.request_id if was_unresolved else None,
        request_headers={name: str(value) for name, value in asked.headers.items()},
        calculated_vat_amount=vat_of_items(transaction, asked.items),
    )
    return await record(db, transaction, happened, now)
