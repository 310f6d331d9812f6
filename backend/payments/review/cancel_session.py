"""The merchant cancels a session. Source: `docs/reference/dintero-api.md#cancelling-a-session`."""

from __future__ import annotations

from backend.core.context import Backend
from backend.core.errors import InvalidRequest, PaymentInProgress, SessionNotFound, Unavailable
from backend.payments.attempts.resolve import reopen
from backend.payments.callbacks import Unpaid, tell_merchant
from backend.payments.operations.execute import Command, operate
from backend.payments.tables import Transaction
from backend.psp.protocol import OperationKind
from backend.rules.session import SessionState, advance
from backend.rules.transaction import Status
from backend.sessions import events
from backend.sessions.load import lock_session
from backend.sessions.tables import CheckoutSession


async def cancel_session(ctx: Backend, account_id: str, session_id: str, cancelled_by: str) -> None:
    """Cancel the session, and void what was authorized. InvalidRequest if the transaction is in any
    other state; PaymentInProgress while a provider has not decided. Cancelling twice changes
    nothing."""
    session = await _mine(ctx, account_id, session_id)
    if session.state == SessionState.PAYING:
        await reopen(ctx, session_id)
        session = await _mine(ctx, account_id, session_id)
    if session.state in (SessionState.PAYING, SessionState.ON_HOLD):
        raise PaymentInProgress("the provider has not decided yet")
    if session.state == SessionState.PAID:
        await _void(ctx, session, cancelled_by)
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        locked = await lock_session(db, session_id)
        if locked.state == SessionState.CANCELLED:
            return
        if locked.state != session.state:
            raise PaymentInProgress("the session is being paid")
        locked.state = advance(SessionState(locked.state), SessionState.CANCELLED)
        locked.cancelled_at = now
        locked.cancelled_by = cancelled_by
        await events.record(db, locked, "CANCELLED", now)
        await tell_merchant(db, locked, None, now, unpaid=Unpaid("cancelled"))


async def _mine(ctx: Backend, account_id: str, session_id: str) -> CheckoutSession:
    async with ctx.db.reading() as db:
        session = await db.get(CheckoutSession, session_id)
    if session is None or session.account_id != account_id:
        raise SessionNotFound("there is no such session")
    return session


async def _void(ctx: Backend, session: CheckoutSession, cancelled_by: str) -> None:
    """Void the session's authorization. If it was voided before, nothing changes."""
    assert session.transaction_id is not None  # a paid session has one
    async with ctx.db.reading() as db:
        transaction = await db.get(Transaction, session.transaction_id)
    assert transaction is not None
    if transaction.status == Status.AUTHORIZATION_VOIDED:
        return
    if transaction.status != Status.AUTHORIZED:
        raise InvalidRequest(
            f"a session whose transaction is {transaction.status} cannot be cancelled"
        )
    command = Command(
        account_id=session.account_id,
        transaction_id=transaction.id,
        kind=OperationKind.VOID,
        created_by=cancelled_by,
    )
    operation = await operate(ctx, command)
    if operation.state != "done":
        raise Unavailable("the provider has not answered the void; ask again")
