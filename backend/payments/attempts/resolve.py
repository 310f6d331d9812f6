"""How an attempt to pay ends: the payer returns, gives up or never comes back, or the provider
calls.

Each of these only causes a read at the provider, and the read decides. The hold is released only
after the provider has confirmed that no money will move. Source:
`docs/architecture.md#one-payment`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlmodel import select

from backend.accounts.profiles import configuration_of, profile_of
from backend.core import crash_points
from backend.core.context import Backend
from backend.core.errors import NotFound, PaymentInProgress, SessionClosed
from backend.core.ids import new_uuid
from backend.payments import conclude
from backend.payments.attempts import direct_capture, late_authorization
from backend.payments.attempts.at_provider import PUSH_LOOK, create_at_provider, is_push
from backend.payments.callbacks import Unpaid, tell_merchant
from backend.payments.conclude import EXPIRED
from backend.payments.store import connector_of, is_open, lock_attempt, money
from backend.payments.tables import Transaction
from backend.psp.protocol import (
    OperationKind,
    Outcome,
    Payment,
    PaymentState,
)
from backend.rules.backoff import Backoff
from backend.rules.payment_attempt import PAID, amount_mismatch
from backend.rules.session import SessionState, is_expired
from backend.rules.session import advance as advance_session
from backend.rules.transaction import UNPAID, Status
from backend.sessions import events
from backend.sessions.links import page_link, view_link
from backend.sessions.load import get_session, lock_session
from backend.sessions.read import leave_url, stays
from backend.sessions.tables import CheckoutSession
from backend.sessions.view import Notice, PageState

_LOOKS = Backoff(first=4, longest=60)
_REVIEWS = Backoff(first=4, longest=900)
"""Looks at a payment that the provider reviews for days."""
UNDECIDED = (Status.INITIATED, Status.ON_HOLD)


async def reopen(
    ctx: Backend,
    session_id: str,
    notice: Notice = Notice.PAYMENT_CANCELLED,
    *,
    only: str | None = None,
) -> None:
    """End the payment that is under way, because the payer is back and wants to continue here.
    `notice` is what the session's page says afterwards. `only` is the transaction to end; one that
    began since is left alone.

    Afterwards the session is OPEN (nothing was paid), PAID, or still PAYING, because the provider
    has not decided or did not answer.
    """
    transaction = await _live(ctx, session_id, only)
    if transaction is None:
        return
    if transaction.psp_reference is None:
        # The provider may know the payment although we do not know its reference. Asking with the
        # same key tells.
        await create_at_provider(ctx, transaction.id)
        crash_points.point("reopen.created_at_provider")
        transaction = await _live(ctx, session_id, transaction.id)
        if transaction is None or transaction.psp_reference is None:
            return
    await give_up(ctx, transaction, notice)


async def _live(ctx: Backend, session_id: str, only: str | None) -> Transaction | None:
    """Return the transaction of a session that is PAYING; None if it is not `only`."""
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
        if session.state != SessionState.PAYING or session.transaction_id is None:
            return None
        if only not in (None, session.transaction_id):
            return None
        return await db.get(Transaction, session.transaction_id)


async def give_up(
    ctx: Backend,
    transaction: Transaction,
    notice: Notice = Notice.PAYMENT_CANCELLED,
    *,
    expired: bool = False,
) -> None:
    """End an attempt that the provider knows: read it and, if it can still be paid, abort it there
    first. Only a confirmed abort releases the hold. `expired`: the payer never came back."""
    connector = await connector_of(ctx, transaction)
    reference = transaction.psp_reference
    assert reference is not None
    payment = await connector.fetch(reference)
    if await apply_read(ctx, transaction, payment, expired=expired):
        return
    if payment.outcome is not Outcome.DONE or payment.state is not PaymentState.OPEN:
        return
    crash_points.point("abort.read")
    if payment.declined is not None and notice is Notice.PAYMENT_CANCELLED:
        notice = Notice.DECLINED
    # Each call has a key of its own. Closing a page twice does no harm, and a provider that keeps a
    # failed answer for a key would never let us close the page.
    result = await connector.abort(reference, new_uuid())
    crash_points.point("abort.done_at_provider")
    if result.outcome is Outcome.DONE:
        code = payment.declined or (EXPIRED if expired else notice.value)
        await _fail(ctx, transaction, notice, code)
    else:
        # It may have been paid in the meantime, so that it could not be aborted.
        payment = await connector.fetch(reference)
        await apply_read(ctx, transaction, payment, expired=expired)


async def _fail(ctx: Backend, transaction: Transaction, notice: Notice, code: str) -> None:
    now = ctx.clock.now()
    async with ctx.db.unit_of_work(independent=True) as db:
        tried = await lock_attempt(db, transaction, is_open())
        session, locked, operation = tried.session, tried.transaction, tried.operation
        if locked.status == Status.INITIATED and operation is not None:
            await conclude.fail(db, session, locked, operation, now, conclude.Failure(notice, code))
        crash_points.point("abort.storing")
    crash_points.point("abort.stored")


async def apply_read(
    ctx: Backend, transaction: Transaction, payment: Payment, *, expired: bool = False
) -> bool:
    """Apply what a read at the provider says. Return whether the attempt has ended. Repeating it is
    harmless."""
    crash_points.point("authorize.read")
    now = ctx.clock.now()
    async with ctx.db.unit_of_work(independent=True) as db:
        tried = await lock_attempt(db, transaction, is_open())
        session, locked, operation = tried.session, tried.transaction, tried.operation
        if locked.status not in UNDECIDED or operation is None:
            return True
        if operation.kind != OperationKind.AUTHORIZE:
            # An ON_HOLD payment is being voided: the attempt has ended, and this read does not end
            # the void.
            return True
        operation.tries += 1
        operation.due_at = now + _next_look(locked, operation.tries)
        operation.claimed_until = None
        if payment.outcome is not Outcome.DONE:
            return False
        operation.raw = dict(payment.raw)
        locked.psp_reference = payment.reference or locked.psp_reference
        if payment.state in PAID:
            why = amount_mismatch(money(locked, operation.psp_amount), payment.amount)
            if why is not None:
                await conclude.put_on_hold(db, session, locked, operation, now, why)
            else:
                await conclude.authorize(
                    db,
                    session,
                    locked,
                    operation,
                    now,
                    conclude.Confirmed(payment.card, payment.multi_capture),
                )
                if direct_capture.is_captured(payment):
                    await direct_capture.capture_all(db, locked, now)
            ended = True
        elif payment.state is PaymentState.FAILED:
            code = payment.declined or (EXPIRED if expired else payment.code or "not_paid")
            notice = _why(payment)
            await conclude.fail(db, session, locked, operation, now, conclude.Failure(notice, code))
            ended = True
        elif payment.state is PaymentState.ON_HOLD:
            await conclude.place_under_review(db, session, locked, operation, now)
            ended = False
        else:
            _offer_page(session, locked, payment, now)
            ended = False
        if ended:
            crash_points.point("authorize.storing")
    if ended:
        crash_points.point("authorize.stored")
    return ended


def _why(payment: Payment) -> Notice:
    """Return the notice for the payer of a failed payment."""
    if payment.declined:
        return Notice.DECLINED
    expired = payment.code == "expired"
    return Notice.PAYMENT_EXPIRED if expired else Notice.PAYMENT_CANCELLED


def _next_look(transaction: Transaction, tries: int) -> timedelta:
    if transaction.status == Status.INITIATED and is_push(transaction):
        return PUSH_LOOK
    looks = _LOOKS if transaction.status == Status.INITIATED else _REVIEWS
    return looks.after(tries)


def _offer_page(
    session: CheckoutSession, transaction: Transaction, payment: Payment, now: datetime
) -> None:
    """Offer the provider's page for as long as the payer can do something there."""
    if session.state != SessionState.PAYING:
        return
    pending = payment.state is PaymentState.PENDING
    offered = (None, None) if pending else (transaction.redirect_url, transaction.app_code)
    if (session.redirect_url, session.app_code) != offered:
        session.redirect_url, session.app_code = offered
        events.touch(session, now)


async def conclude_return(
    ctx: Backend, session_id: str, return_ref: str, query: Mapping[str, str]
) -> str:
    """Conclude the attempt of a payer who comes back from the provider. Return where to send them
    next. NotFound for an address that we never gave out."""
    async with ctx.db.reading() as db:
        statement = select(Transaction).where(
            Transaction.session_id == session_id, Transaction.return_ref == return_ref
        )
        transaction = (await db.exec(statement)).one_or_none()
    if transaction is None:
        raise NotFound("there is no such payment")
    if transaction.status in UNDECIDED and transaction.psp_reference is not None:
        if query.get("cancelled") and transaction.status == Status.INITIATED:
            await give_up(ctx, transaction)
        else:
            connector = await connector_of(ctx, transaction)
            payment = await connector.complete_return(transaction.psp_reference, query)
            await apply_read(ctx, transaction, payment)
    elif transaction.status in UNPAID and transaction.psp_reference is not None:
        await late_authorization.recheck(ctx, transaction, await connector_of(ctx, transaction))
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
        profile = await profile_of(db, session.account_id, session.profile_id)
    on_phone, language = transaction.purchase.on_phone, transaction.purchase.language
    here = on_phone or stays(configuration_of(profile, session.content))
    if session.state in (SessionState.PAID, SessionState.ON_HOLD) and not here:
        return leave_url(session, PageState(session.state))
    if not here:
        return view_link(ctx.settings.base_url, session_id)
    return page_link(ctx.settings.base_url, session_id, language, on_phone=on_phone)


async def abandon(ctx: Backend, session_id: str) -> str:
    """Cancel the session for the payer. Return the way back to the shop, with `error=cancelled`, or
    with `error=failed` if the last payment was declined.

    SessionClosed if it is paid; PaymentInProgress while a provider has not decided.
    """
    await reopen(ctx, session_id)
    crash_points.point("abandon.reopened")
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        if session.state == SessionState.PAID:
            raise SessionClosed("this session is paid")
        if session.state in (SessionState.PAYING, SessionState.ON_HOLD):
            raise PaymentInProgress("the provider has not decided yet")
        if session.state == SessionState.OPEN and not is_expired(session.expires_at, now):
            _cancel(ctx, session)
            await events.record(db, session, "CANCELLED", now)
            await tell_merchant(db, session, None, now, unpaid=Unpaid("cancelled"))
        crash_points.point("abandon.storing")
    return leave_url(session, PageState.CANCELLED)


def _cancel(ctx: Backend, session: CheckoutSession) -> None:
    session.state = advance_session(SessionState(session.state), SessionState.CANCELLED)
    session.cancelled_at = ctx.clock.now()
    session.cancelled_by = "payer"
