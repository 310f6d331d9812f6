"""Look again at what has not ended: attempts whose payers did not come back, operations whose
answer was lost, work that a killed process left.

Everything due is a row, and any number of processes may do this at once. Source:
`docs/architecture.md#one-payment`.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from backend.core import crash_points
from backend.core.context import Backend
from backend.core.due_work import UnderWay
from backend.payments import provider_calls
from backend.payments.attempts import late_authorization, resolve
from backend.payments.attempts.at_provider import create_at_provider
from backend.payments.operations import execute
from backend.payments.review import notifications
from backend.payments.store import OPEN_STATES, SHARE, claim_due, connector_of
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import OperationKind
from backend.rules.transaction import Status
from backend.sessions.view import Notice

log = logging.getLogger(__name__)


async def reconcile_due(ctx: Backend) -> int:
    """Claim a fair share of the due operations and continue each. Return their number."""
    under_way = UnderWay(SHARE, log)
    started = await start_due(ctx, under_way)
    await under_way.finish()
    return started


async def start_due(ctx: Backend, under_way: UnderWay) -> int:
    """Do what `reconcile_due` does, beside what is under way already, and without waiting for the
    end."""
    until = ctx.clock.now() + timedelta(seconds=ctx.settings.operation_grace)
    claimed = await claim_due(ctx, under_way, Operation, OPEN_STATES, until)
    if claimed:
        crash_points.point("reconcile.claimed")
    for due, operation in claimed:
        called = f"operation {operation.id} of {operation.transaction_id}"
        under_way.start(due, _go_on(ctx, operation), called)
    return len(claimed)


async def _go_on(ctx: Backend, operation: Operation) -> None:
    async with ctx.db.reading() as db:
        transaction = await db.get(Transaction, operation.transaction_id)
    assert transaction is not None
    async with asyncio.timeout(ctx.settings.operation_grace):
        if operation.kind == OperationKind.AUTHORIZE:
            await _go_on_paying(ctx, transaction, operation)
        elif operation.kind == late_authorization.LATE:
            await late_authorization.pursue(ctx, operation)
        else:
            result = await provider_calls.ask_again(ctx, transaction, operation)
            await execute.finish(ctx, operation.id, result, operation.claimed_until)


async def _go_on_paying(ctx: Backend, transaction: Transaction, operation: Operation) -> None:
    """Continue an attempt: by the provider's word, then by our time limit."""
    if transaction.psp_reference is None:
        await create_at_provider(ctx, transaction.id)
        return
    lifetime = timedelta(seconds=ctx.settings.payment_lifetime)
    if (
        transaction.status == Status.INITIATED
        and operation.created_at + lifetime <= ctx.clock.now()
    ):
        await resolve.give_up(ctx, transaction, Notice.PAYMENT_CANCELLED, expired=True)
        return
    connector = await connector_of(ctx, transaction)
    await notifications.read_now(ctx, transaction, connector)
