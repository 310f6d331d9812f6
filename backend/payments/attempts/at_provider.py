"""Ask a provider for a payment and keep its answer. One key makes one payment, however often we
ask.

Source: `docs/architecture.md#one-payment`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlmodel import col

from backend.accounts.profiles import profile_of
from backend.accounts.tables import Profile
from backend.core import crash_points, phrases
from backend.core.context import Backend
from backend.payments import conclude
from backend.payments.provider_lines import order_lines, payers_country, payers_language
from backend.payments.provider_webhooks import ensure_registered, notification_url
from backend.payments.store import (
    OPEN_STATES,
    connector_with,
    lock_attempt,
    money,
    open_operation,
)
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import (
    Connector,
    OperationKind,
    OperationQuery,
    Outcome,
    PaymentRequest,
    Result,
)
from backend.psp.registry import NotConnected
from backend.rules.backoff import Backoff
from backend.rules.payment_option import may_push
from backend.sessions.events import touch
from backend.sessions.load import get_session
from backend.sessions.paying import no_push
from backend.sessions.publish import note_pushed, push_failed
from backend.sessions.tables import CheckoutSession
from backend.sessions.view import Notice

FIRST_LOOK = timedelta(seconds=30)
"""After this time the reconciler looks at an attempt whose payer has not come back."""
FIRST_CALL = timedelta(seconds=5)
"""How long only the press that began an attempt may call the provider."""
_RETRIES = Backoff(first=2, longest=30)
PUSH_LOOK = timedelta(seconds=5)
"""How often to look at a payment whose payer is asked in an app. The payer does not come back from
an app."""
LONGEST_LIFETIME = 23 * 3600
"""Seconds. No provider keeps a page open for longer than a day."""
_NOTICES = {"declined": Notice.DECLINED, "amount": Notice.AMOUNT_REFUSED}
_SAYS_NOTHING_OF_OTHER_CALLS = ("unreachable", "configuration")


@dataclass(frozen=True, slots=True)
class PayResult:
    """What a press of Pay leads to. `state` is one of these:

    - `redirect`: the payer goes to the provider, at `url`.
    - `pushed`: the payer is asked in an app.
    - `app`: the payer continues in an app. `url` opens it on this device, and `app_code` is the
      content of a QR code that opens it on another device.
    - `paid`: the payer goes to the shop, at `url`.
    - `unknown`: the provider has not answered, and the payer has to wait.
    - `refused`: the session is open again, with a notice that `reason` repeats.
    """

    state: str
    url: str | None = None
    app_code: str | None = None
    reason: Notice | None = None


@dataclass(frozen=True, slots=True)
class JustBegun:
    """What a press has written and committed a moment ago, so that it is not read again."""

    session: CheckoutSession
    transaction: Transaction
    operation: Operation
    profile: Profile


async def create_at_provider(
    ctx: Backend, transaction_id: str, *, first: JustBegun | None = None
) -> PayResult:
    """Ask the provider for the payment, and keep its answer. One key makes one payment.

    `first` is true for the press that began the attempt, because only then nobody has asked before.
    """
    found = first or await _begun_before(ctx, transaction_id)
    if found is None:
        return PayResult("unknown")
    session, transaction, operation = found.session, found.transaction, found.operation
    if transaction.psp_reference is not None:
        return known_page(transaction)
    now = ctx.clock.now()
    # A press has its own call under way. For a published payment only the worker calls.
    pressed = first is None and not operation.asked.published
    if pressed and operation.tries == 0 and now < operation.created_at + FIRST_CALL:
        return PayResult("unknown")
    grace = timedelta(seconds=ctx.settings.operation_grace)
    send = first is not None or now < operation.created_at + grace
    connector: Connector | None = None
    try:
        if is_push(transaction) and not may_push(
            transaction.payment_product_type, gift_card=session.gift_card_use
        ):
            # It was refused when it was begun. This check makes sure that no push leaves us in
            # another way.
            result = Result(Outcome.REFUSED, code="not_allowed", message="no push here")
        else:
            connector = connector_with(ctx, transaction, found.profile)
            await ensure_registered(ctx, transaction, connector)
            result = await _ask(ctx, connector, transaction, operation, send=send)
    except NotConnected:
        result = Result(Outcome.REFUSED, code="configuration", message="not connected")
    if _says_nothing(result, first=first is not None):
        result = replace(result, outcome=Outcome.UNKNOWN)
    crash_points.point("pay.created_at_provider")
    answer = await _keep_created(ctx, transaction, operation.id, result, sent=send)
    crash_points.point("pay.redirect_stored")
    if result.reference is not None and answer.state in ("over", "refused"):
        # The payer is never sent to this page, and nobody may pay there.
        assert connector is not None
        await connector.abort(result.reference, f"{transaction.return_ref}:abort")
    return PayResult("unknown") if answer.state == "over" else answer


async def _begun_before(ctx: Backend, transaction_id: str) -> JustBegun | None:
    """Return the attempt as it is now, or None if it has ended."""
    async with ctx.db.reading() as db:
        transaction = await db.get(Transaction, transaction_id)
        operation = await open_operation(db, transaction_id)
        if transaction is None or operation is None:
            return None
        session = await get_session(db, transaction.session_id)
        profile = await profile_of(db, transaction.account_id, transaction.profile_id)
    return JustBegun(session, transaction, operation, profile)


def known_page(transaction: Transaction) -> PayResult:
    """Return what a payer gets whose attempt has been answered: its page, if it can still be
    paid."""
    if transaction.app_code is not None:
        return PayResult("app", transaction.redirect_url, transaction.app_code)
    if is_push(transaction) and transaction.psp_reference is not None:
        return PayResult("pushed")
    if transaction.redirect_url is None:
        return PayResult("unknown")
    return PayResult("redirect", transaction.redirect_url)


def is_push(transaction: Transaction) -> bool:
    """Return whether the payer is asked in an app, and not sent to a page."""
    return transaction.purchase.push_to is not None


def _says_nothing(result: Result, *, first: bool) -> bool:
    """Return whether a refusal leaves open what an earlier call with the same key did. A `conflict`
    always does: the provider knows the key already."""
    if result.outcome is not Outcome.REFUSED:
        return False
    return result.code == "conflict" or (not first and result.code in _SAYS_NOTHING_OF_OTHER_CALLS)


async def _ask(
    ctx: Backend,
    connector: Connector,
    transaction: Transaction,
    operation: Operation,
    *,
    send: bool,
) -> Result:
    """Send the payment with its key. If nobody waits for its page any more, only read whether it
    was made."""
    try:
        async with asyncio.timeout(ctx.settings.operation_grace):
            if send:
                return await connector.create_payment(_payment_request(ctx, transaction, operation))
            return await connector.fetch_operation(
                OperationQuery(
                    kind=OperationKind.AUTHORIZE,
                    reference="",
                    key=operation.key,
                    amount=money(transaction, operation.psp_amount),
                    sent_at=operation.updated_at,
                )
            )
    except TimeoutError:
        return Result(Outcome.UNKNOWN, message="no answer in time")


def _payment_request(
    ctx: Backend, transaction: Transaction, operation: Operation
) -> PaymentRequest:
    """Return the request. It is the same for every attempt with one key, because a provider
    compares the bodies."""
    base = ctx.settings.base_url
    back = f"{base}/v1/sessions/{transaction.session_id}/redirect/{transaction.return_ref}"
    lifetime = min(max(ctx.settings.payment_lifetime, 3600), LONGEST_LIFETIME)
    return PaymentRequest(
        key=operation.key,
        amount=money(transaction, operation.psp_amount),
        transaction_id=transaction.id,
        session_id=transaction.session_id,
        merchant_reference=_reference(transaction),
        description=_description(transaction, operation),
        return_url=back,
        cancel_url=f"{back}?cancelled=1",
        notification_url=notification_url(ctx, transaction),
        language=payers_language(transaction),
        expires_at=transaction.created_at + timedelta(seconds=lifetime),
        email=transaction.purchase.customer.email or None,
        lines=order_lines(transaction, operation),
        country=payers_country(transaction),
        push_to=transaction.purchase.push_to,
    )


def _description(transaction: Transaction, operation: Operation) -> str:
    name = "order_rest" if operation.card_amount else "order"
    return phrases.say(payers_language(transaction), name, reference=_reference(transaction))


def _reference(transaction: Transaction) -> str:
    """Return what the provider calls the order. Some shops have no number for it when the payer
    pays."""
    return transaction.merchant_reference or transaction.id


def _first_look(transaction: Transaction, result: Result) -> timedelta:
    if result.redirect_url:
        return FIRST_LOOK
    pushed = is_push(transaction) and result.outcome is Outcome.DONE
    return PUSH_LOOK if pushed else timedelta()


async def _keep_created(
    ctx: Backend, transaction: Transaction, operation_id: str, result: Result, *, sent: bool
) -> PayResult:
    """Keep the provider's answer. Return the state `over` if the attempt has ended in the meantime.
    An answer that another call got first stays: an attempt whose page is known ends only by a read
    of that page."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work(independent=True) as db:
        tried = await lock_attempt(db, transaction, col(Operation.id) == operation_id)
        session, transaction, operation = tried.session, tried.transaction, tried.operation
        assert operation is not None  # operations are never deleted
        if operation.state not in OPEN_STATES:
            known = result.reference is not None and result.reference == transaction.psp_reference
            return PayResult("unknown" if known else "over")
        if transaction.psp_reference is not None:
            return known_page(transaction)
        operation.raw = dict(result.raw)
        operation.tries += 1
        operation.claimed_until = None
        if sent:
            operation.updated_at = now
        closed = result.code == "not_allowed" and result.reference is not None
        if result.outcome is Outcome.DONE or closed:
            operation.state = "pending"
            operation.due_at = now + _first_look(transaction, result)
            transaction.psp_reference = result.reference
            transaction.redirect_url = result.redirect_url
            session.redirect_url = result.redirect_url
            transaction.app_code = session.app_code = result.app_code
            touch(session, now)
            pushed = is_push(transaction) and result.app_code is None
            if result.app_code is not None:
                # No app answers at that number, so the payer continues from the page.
                no_push(session)
            if pushed and result.outcome is Outcome.DONE:
                await note_pushed(db, session, transaction.id, now)
            answer = known_page(transaction)
        elif result.outcome is Outcome.REFUSED:
            notice = _NOTICES.get(result.code or "", Notice.PROVIDER_DOWN)
            code = result.code or "refused"
            push_failed(session, transaction.id)
            await conclude.fail(
                db,
                session,
                transaction,
                operation,
                now,
                conclude.Failure(notice, code, result.message),
            )
            answer = PayResult("refused", reason=notice)
        else:
            operation.state = "unknown"
            operation.due_at = now + _RETRIES.after(operation.tries)
            answer = PayResult("unknown")
        await db.flush()
        crash_points.point("pay.storing")
        return answer
