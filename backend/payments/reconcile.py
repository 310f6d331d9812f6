"""Look again at what has not ended: tries that nobody came back from, operations whose answer was
lost, work that a killed process left behind.

Everything due is a row; any number of processes may do this at once. Source: shared design
section 4.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlmodel import col, or_, select

from backend.context import Backend
from backend.payments import attempts, operations
from backend.payments.pay import create_at_provider
from backend.payments.store import OPEN_STATES, connector_of, money
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import OperationKind, OperationQuery, Outcome, Result
from backend.psp.registry import NotConnected
from backend.sessions.view import Notice

BATCH = 10
LEASE = timedelta(seconds=120)
log = logging.getLogger(__name__)


async def reconcile_due(ctx: Backend) -> int:
    """Claim one batch of due operations and go on with each; how many."""
    claimed = await _claim(ctx)
    for operation in claimed:
        try:
            await _go_on(ctx, operation)
        except Exception:
            # One that fails must not keep the others waiting; it is due again after its lease.
            log.exception("operation %s of %s", operation.id, operation.transaction_id)
    return len(claimed)


async def _claim(ctx: Backend) -> list[Operation]:
    now = ctx.clock.now()
    query = (
        select(Operation)
        .where(col(Operation.state).in_(OPEN_STATES), col(Operation.due_at) <= now)
        .where(or_(col(Operation.claimed_until).is_(None), col(Operation.claimed_until) <= now))
        .order_by(col(Operation.due_at))
        .limit(BATCH)
    )
    async with ctx.db.reading() as db:
        if (await db.exec(query.limit(1))).first() is None:
            return []
    async with ctx.db.unit_of_work() as db:
        due = list(await db.exec(query.with_for_update(skip_locked=True)))
        for operation in due:
            operation.claimed_until = now + LEASE
        return due


async def _go_on(ctx: Backend, operation: Operation) -> None:
    async with ctx.db.reading() as db:
        transaction = await db.get(Transaction, operation.transaction_id)
    assert transaction is not None
    if operation.kind == OperationKind.AUTHORIZE:
        await _go_on_paying(ctx, transaction, operation)
    else:
        await operations.finish(ctx, operation.id, await _ask_again(ctx, transaction, operation))


async def _go_on_paying(ctx: Backend, transaction: Transaction, operation: Operation) -> None:
    """By the provider's word, then by our time limit."""
    if transaction.psp_reference is None:
        await create_at_provider(ctx, transaction.id)
        return
    lifetime = timedelta(seconds=ctx.settings.payment_lifetime)
    if operation.created_at + lifetime <= ctx.clock.now():
        await attempts.give_up(ctx, transaction, Notice.PAYMENT_CANCELLED)
        return
    connector = await connector_of(ctx, transaction)
    await attempts.read_now(ctx, transaction, connector)


async def _ask_again(ctx: Backend, transaction: Transaction, operation: Operation) -> Result:
    """Read whether an operation took effect. That it is not seen means that it did not happen only
    after the provider had its time."""
    if operation.psp_amount == 0 and not operation.final:
        return Result(Outcome.DONE)
    try:
        connector = await connector_of(ctx, transaction)
    except NotConnected:
        return Result(Outcome.UNKNOWN, code="configuration", message="not connected")
    assert transaction.psp_reference is not None
    kind = OperationKind(operation.kind)
    if operation.psp_amount == 0:
        # A final capture of the card's part alone: the provider was asked to void the rest.
        kind = OperationKind.VOID
    result = await connector.fetch_operation(
        OperationQuery(
            kind=kind,
            reference=transaction.psp_reference,
            key=operation.key,
            amount=money(transaction, operation.psp_amount),
            captured_before=operation.captured_before,
        )
    )
    grace = timedelta(seconds=ctx.settings.operation_grace)
    if result.outcome is Outcome.REFUSED and ctx.clock.now() < operation.created_at + grace:
        return Result(Outcome.UNKNOWN, raw=result.raw)
    return result
