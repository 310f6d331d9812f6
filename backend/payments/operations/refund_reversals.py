"""Refunds that a provider confirmed and takes back later, for example because the payer's card is
closed.

A notification, or one of a few looks within a month, causes a read, and the read decides. After a
reversal the provider's part is refundable again, and an event with the documented `correction`
reports it. The gift card keeps what it got of the refund. Nothing is sent to the provider: the
merchant decides whether and how the payer gets the money.

Source: `docs/reference/psp/stripe.md#payment-intent`,
`docs/reference/dintero-api.md#transaction-events`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import datetime, timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.context import Backend
from backend.core.due_work import UnderWay
from backend.payments import conclude
from backend.payments.callbacks import tell_merchant
from backend.payments.store import (
    SHARE,
    NewEvent,
    claim_due,
    connector_of,
    keep_position,
    lock_operation,
    lock_transaction,
    money,
    position_of,
    record,
)
from backend.payments.tables import MonitoredRefund, Operation, Transaction, TransactionEvent
from backend.psp.protocol import Connector, OperationKind, OperationQuery, Outcome, Result
from backend.psp.registry import NotConnected
from backend.rules import transaction as rules
from backend.rules.transaction import Position, Status
from backend.sessions.load import get_session

log = logging.getLogger(__name__)
LOOKS = tuple(timedelta(days=days) for days in (1, 3, 7, 14, 30))
"""When we look after a refund, in case no notification comes."""
CREATED_BY = "acquirer"


async def monitor_refund(
    ctx: Backend, db: AsyncSession, transaction: Transaction, operation: Operation, now: datetime
) -> None:
    """Monitor the refund, in the unit of work that ends it. It does nothing if the provider never
    takes a refund back."""
    if operation.kind != OperationKind.REFUND or operation.psp_amount == 0:
        return
    with contextlib.suppress(NotConnected):
        connector = await connector_of(ctx, transaction, db)
        if connector.capabilities.refund_may_fail_later:
            db.add(
                MonitoredRefund(
                    operation_id=operation.id, transaction_id=transaction.id, due_at=now + LOOKS[0]
                )
            )


async def look_due(ctx: Backend) -> int:
    """Claim a fair share of the due rows and read each. Return their number. Any number of
    processes may do this at once."""
    under_way = UnderWay(SHARE, log)
    started = await start_due(ctx, under_way)
    await under_way.finish()
    return started


async def start_due(ctx: Backend, under_way: UnderWay) -> int:
    """Do what `look_due` does, beside what is under way already, and without waiting for the
    end."""
    until = ctx.clock.now() + timedelta(seconds=ctx.settings.operation_grace)
    claimed = await claim_due(ctx, under_way, MonitoredRefund, ("due",), until)
    for due, row in claimed:
        called = f"refund {row.operation_id} of {row.transaction_id}"
        under_way.start(due, _look(ctx, row), called)
    return len(claimed)


async def recheck(ctx: Backend, transaction: Transaction, connector: Connector) -> None:
    """Read the refunds of this payment, because the provider has reported something about it."""
    async with ctx.db.reading() as db:
        query = select(MonitoredRefund).where(
            MonitoredRefund.transaction_id == transaction.id, MonitoredRefund.state == "due"
        )
        rows = list(await db.exec(query))
    for row in rows:
        await _read(ctx, transaction, connector, row)


async def _look(ctx: Backend, row: MonitoredRefund) -> None:
    async with ctx.db.reading() as db:
        transaction = await db.get(Transaction, row.transaction_id)
    assert transaction is not None  # a foreign key guarantees it
    with contextlib.suppress(NotConnected):
        connector = await connector_of(ctx, transaction)
        async with asyncio.timeout(ctx.settings.operation_grace):
            await _read(ctx, transaction, connector, row)
    async with ctx.db.unit_of_work() as db:
        kept = await db.get(MonitoredRefund, row.operation_id, with_for_update=True)
        operation = await db.get(Operation, row.operation_id)
        assert kept is not None and operation is not None
        kept.claimed_until = None
        kept.tries += 1
        if kept.tries >= len(LOOKS):
            kept.state = "done"
        else:
            kept.due_at = operation.updated_at + LOOKS[kept.tries]


async def _read(
    ctx: Backend, transaction: Transaction, connector: Connector, row: MonitoredRefund
) -> None:
    async with ctx.db.reading() as db:
        operation = await db.get(Operation, row.operation_id)
    assert operation is not None and transaction.psp_reference is not None
    result = await connector.fetch_operation(
        OperationQuery(
            kind=OperationKind.REFUND,
            reference=transaction.psp_reference,
            key=operation.key,
            amount=money(transaction, operation.psp_amount),
        )
    )
    # Any other refusal says that the refund was not found, which a read may say wrongly.
    if result.outcome is Outcome.REFUSED and result.code == "declined":
        await _reverse(ctx, operation, result)


async def _reverse(ctx: Backend, seen: Operation, result: Result) -> None:
    """Reverse the refund once, however often the provider reports it."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        transaction = await lock_transaction(db, seen.transaction_id)
        operation = await lock_operation(db, seen.id)
        if operation.state != "done":
            return
        position = rules.reverse_refund(position_of(transaction), operation.psp_amount)
        keep_position(transaction, position, now)
        status = rules.status_of(position)
        if status != transaction.status:
            transaction.status = rules.correct(Status(transaction.status), status)
        error = {
            "code": "refund_returned",
            "message": result.message or "the provider took the refund back",
        }
        conclude.end(operation, "returned", now, error)
        kept = await db.get(MonitoredRefund, operation.id, with_for_update=True)
        assert kept is not None
        kept.state = "done"
        happened = NewEvent(
            "REFUND",
            operation.psp_amount,
            success=False,
            error=dict(error),
            reference=operation.asked.reference,
            created_by=CREATED_BY,
            correlation_request_id=operation.asked.request_id,
            correction=await _correction(db, transaction, operation, position),
        )
        event = await record(db, transaction, happened, now)
        session = await get_session(db, transaction.session_id)
        await tell_merchant(db, session, transaction, now, event=event)
    log.warning("refund %s of %s came back: %s", operation.id, transaction.id, error["message"])


async def _correction(
    db: AsyncSession, transaction: Transaction, operation: Operation, position: Position
) -> dict[str, object]:
    query = select(TransactionEvent.id).where(
        TransactionEvent.transaction_id == transaction.id,
        TransactionEvent.event == "REFUND",
        col(TransactionEvent.success).is_(True),
        TransactionEvent.request_id == operation.asked.request_id,
    )
    return {
        "event_ids": list(await db.exec(query)),
        "status": transaction.status,
        "remaining_capture_amount": position.capturable.total,
        "remaining_refund_amount": position.refundable.total,
        "remaining_void_amount": position.capturable.total,
    }
