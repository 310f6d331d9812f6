"""A payment that was authorized too late, after we had given it up. It is cancelled at its
provider.

The payer of a failed attempt may come back, or the provider may report a change. Then we read the
payment. If money is held for us after all, the order may already be paid in another way, so we
release the money. The release is an operation of its own, `late`. It is written before the provider
is asked, and it is repeated until nothing is held any more. Source:
`docs/architecture.md#one-payment`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from backend.core.context import Backend
from backend.core.ids import new_uuid
from backend.payments import conclude
from backend.payments.callbacks import tell_merchant
from backend.payments.operations.release import release
from backend.payments.store import (
    OPEN_STATES,
    NewEvent,
    connector_of,
    events_of,
    lock_operation,
    lock_transaction,
    open_operation,
    record,
)
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import Connector, Outcome, Payment, PaymentState, Result
from backend.rules.backoff import Backoff
from backend.rules.payment_attempt import Release, release_of
from backend.rules.transaction import UNPAID
from backend.sessions.tables import CheckoutSession

LATE = "late"
"""The kind of the operation. No merchant asks for it."""
_LOOKS = Backoff(first=2, longest=300)
_REASON = "authorized after the payment was given up"


async def recheck(
    ctx: Backend,
    transaction: Transaction,
    connector: Connector,
    told: Mapping[str, str] | None = None,
) -> None:
    """Read an attempt that has failed, and release what is held for it. Repeating it is
    harmless."""
    reference = transaction.psp_reference
    assert reference is not None
    payment = await _as_refunded(
        ctx,
        transaction,
        await (connector.complete_return(reference, told) if told else connector.fetch(reference)),
    )
    needs = release_of(payment.state, captured=payment.captured, refunded=payment.refunded)
    if payment.code == "invalid" or needs is Release.NOTHING:
        # The provider does not know it, or nothing is held.
        return
    operation = await _write(ctx, transaction, payment)
    if operation is not None:
        await pursue(ctx, operation)


async def _as_refunded(ctx: Backend, transaction: Transaction, payment: Payment) -> Payment:
    """Return `payment` with what we have refunded of it, because not every provider's read shows
    that."""
    async with ctx.db.reading() as db:
        events = await events_of(db, transaction.id)
    ours = sum(one.amount for one in events if one.event == "REFUND" and one.success)
    return replace(payment, refunded=max(payment.refunded, ours))


async def _write(ctx: Backend, transaction: Transaction, payment: Payment) -> Operation | None:
    """Return the operation, claimed by this process. None if there is one already."""
    now = ctx.clock.now()
    ours_until = now + timedelta(seconds=ctx.settings.operation_grace)
    async with ctx.db.unit_of_work() as db:
        locked = await lock_transaction(db, transaction.id)
        if locked.status not in UNPAID or await open_operation(db, locked.id) is not None:
            return None
        locked.psp_reference = payment.reference or locked.psp_reference
        key = new_uuid()
        operation = Operation(
            id=key,
            transaction_id=locked.id,
            kind=LATE,
            key=key,
            state="pending",
            card_amount=0,
            psp_amount=payment.amount.amount if payment.amount else 0,
            request={},
            due_at=ours_until,
            claimed_until=ours_until,
            created_by="checkout",
            created_at=now,
            updated_at=now,
        )
        db.add(operation)
        return operation


async def pursue(ctx: Backend, operation: Operation) -> None:
    """Do one step: read, release what is held, and keep the result. The caller has claimed the
    operation."""
    async with ctx.db.reading() as db:
        transaction = await db.get(Transaction, operation.transaction_id)
    assert transaction is not None
    assert transaction.psp_reference is not None
    connector = await connector_of(ctx, transaction)
    payment = await _as_refunded(ctx, transaction, await connector.fetch(transaction.psp_reference))
    result = await release(connector, transaction.psp_reference, operation.key, payment)
    await _keep(ctx, operation, payment, result)


async def _keep(ctx: Backend, operation: Operation, payment: Payment, result: Result) -> None:
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        transaction = await lock_transaction(db, operation.transaction_id)
        locked = await lock_operation(db, operation.id)
        if locked.state not in OPEN_STATES:
            return
        locked.tries += 1
        locked.claimed_until = None
        locked.raw = dict(result.raw)
        if result.outcome is not Outcome.DONE:
            locked.state = "unknown"
            locked.due_at = now + _LOOKS.after(locked.tries)
            return
        conclude.end(locked, "done", now)
        moved = {PaymentState.AUTHORIZED: "VOID", PaymentState.CAPTURED: "REFUND"}
        name = moved.get(payment.state or PaymentState.FAILED)
        if name is None:
            return
        metadata = {"reason": _REASON, **locked.asked.metadata}
        happened = NewEvent(name, locked.psp_amount, metadata=metadata)
        event = await record(db, transaction, happened, now)
        session = await db.get(CheckoutSession, transaction.session_id)
        assert session is not None  # a foreign key guarantees it
        await tell_merchant(db, session, transaction, now, event=event)
