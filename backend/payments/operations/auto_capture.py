"""Capture what is to be captured automatically, and try again after growing gaps, for 48 hours.

An attempt is a capture like any other. A failed one is an event with `success` false. One whose
answer was lost stays unresolved, and the reconciler ends it. What a killed process left becomes due
again.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from backend.core.context import Backend
from backend.core.due_work import UnderWay
from backend.core.errors import Conflict, InvalidRequest, Unavailable
from backend.payments.operations.execute import Command, operate
from backend.payments.store import SHARE, claim_due, open_operation
from backend.payments.tables import AutoCapture, Transaction
from backend.psp.protocol import OperationKind
from backend.rules.auto_capture import GAPS, is_too_late, next_attempt
from backend.rules.transaction import RuleBroken, Status, check_capture

CREATED_BY = "auto_capture"
log = logging.getLogger(__name__)


def gap(tries: int) -> timedelta:
    """Return the wait after the `tries`-th attempt: a minute, doubling to 4 hours."""
    return GAPS.after(tries)


async def capture_due(ctx: Backend) -> int:
    """Claim a fair share of the due rows and capture each. Return their number. Any number of
    processes may do this at once."""
    under_way = UnderWay(SHARE, log)
    started = await start_due(ctx, under_way)
    await under_way.finish()
    return started


async def start_due(ctx: Backend, under_way: UnderWay) -> int:
    """Do what `capture_due` does, beside what is under way already, and without waiting for the
    end."""
    grace = timedelta(seconds=ctx.settings.operation_grace)
    claimed = await claim_due(ctx, under_way, AutoCapture, ("due",), ctx.clock.now() + 2 * grace)
    for due, row in claimed:
        under_way.start(due, _try(ctx, row), f"auto-capture of {row.transaction_id}")
    return len(claimed)


async def _try(ctx: Backend, row: AutoCapture) -> None:
    async with ctx.db.reading() as db:
        transaction = await db.get(Transaction, row.transaction_id)
        waits = await open_operation(db, row.transaction_id) is not None
    assert transaction is not None  # a foreign key guarantees it
    if waits:
        # An earlier attempt, or a refund, has lost its answer. The reconciler ends it first.
        await _keep(ctx, row, "due", tried=False)
        return
    try:
        check_capture(Status(transaction.status))
    except RuleBroken:
        await _keep(ctx, row, "done", tried=False)
        return
    command = Command(
        account_id=transaction.account_id,
        transaction_id=transaction.id,
        kind=OperationKind.CAPTURE,
        created_by=CREATED_BY,
        automatic=True,
        # The amount is all there is when the capture is written, because the authorization may be
        # updated until then.
        amount=None,
    )
    try:
        operation = await operate(ctx, command)
    except Conflict:
        # Something else came in between. The row may be stopped by now.
        await _keep(ctx, row, "due", tried=False)
    except (InvalidRequest, Unavailable) as error:
        # The rules or the provider refused it, or nothing is connected. We try again while it is
        # due. Any other error is no business conflict: `UnderWay` logs it, and the row is due again
        # after its claim.
        log.warning("auto-capture of %s: %s", transaction.id, error.message)
        await _keep(ctx, row, "due")
    else:
        await _keep(ctx, row, "done" if operation.state == "done" else "due")


async def _keep(ctx: Backend, row: AutoCapture, state: str, *, tried: bool = True) -> None:
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        kept = await db.get(AutoCapture, row.transaction_id, with_for_update=True)
        assert kept is not None
        kept.claimed_until = None
        kept.tries += tried
        if kept.state == "due":
            kept.state = state
            _next(kept, now)


def _next(row: AutoCapture, now: datetime) -> None:
    if row.state != "due":
        return
    row.due_at = next_attempt(row.tries, now)
    if is_too_late(row.due_at, row.give_up_at):
        row.state = "given_up"
