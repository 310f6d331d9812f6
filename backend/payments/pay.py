"""Pay: hold the card's share, write the try down, then go to the provider.

One try has one key, the same however often the provider is asked. A hold is made here and not when
the card is added: an abandoned page strands nothing. Source: shared design sections 2 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend import faults
from backend.cards import ledger
from backend.cards.tables import Card
from backend.context import Backend
from backend.errors import (
    DetailsMissing,
    PaymentInProgress,
    PaymentOptionNotAllowed,
    SessionClosed,
    SplitChanged,
)
from backend.ids import new_uuid, scoped_id
from backend.payments import settle
from backend.payments.store import (
    Happened,
    connector_of,
    lock_operation,
    lock_transaction,
    money,
    open_operation,
    record,
)
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import OperationKind, Outcome, PaymentRequest, Result
from backend.psp.registry import NotConnected
from backend.rules.session import SessionState, advance, is_expired
from backend.rules.transaction import Status, product_type
from backend.sessions.events import touch
from backend.sessions.load import (
    check_not_locked,
    check_unmodified,
    gift_card_of,
    lock_session,
    share_of,
)
from backend.sessions.read import leave_url
from backend.sessions.tables import CheckoutSession
from backend.sessions.view import Notice, PageState

FIRST_LOOK = timedelta(seconds=30)
"""When the reconciler looks at a try that nobody came back from."""


@dataclass(frozen=True, slots=True)
class PayResult:
    """`state`: `redirect` (to the provider, `url`), `paid` (to the shop, `url`), `unknown` (wait:
    the provider has not answered), `refused` (the session is open again, with a notice)."""

    state: str
    url: str | None = None


async def pay(
    ctx: Backend, session_id: str, payment_product_type: str | None, expected_to_pay: int,
    language: str, unmodified_since: str | None = None,
) -> PayResult:  # fmt: skip
    """Start to pay, or go on with the payment that is under way: a second press does nothing more.

    `expected_to_pay` (minor units) is what the payer was shown; SplitChanged where it is no longer
    so. PaymentInProgress where another option is being paid with; SessionLocked while the merchant
    changes the session.
    """
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        known = await _under_way(db, session, payment_product_type, expected_to_pay)
        if known is not None:
            return known
        if session.state != SessionState.OPEN or is_expired(session.expires_at, now):
            raise SessionClosed("this session is closed")
        check_unmodified(session, unmodified_since)
        check_not_locked(ctx, session, now)
        transaction, operation = await _begin(
            ctx, db, session, payment_product_type, expected_to_pay, now, language
        )
        if operation.psp_amount == 0:
            await settle.authorize(db, session, transaction, operation, now)
            return PayResult("paid", leave_url(session, PageState.PAID))
    faults.point("pay.written")
    return await create_at_provider(ctx, transaction.id)


async def _under_way(
    db: AsyncSession, session: CheckoutSession, option: str | None, expected_to_pay: int
) -> PayResult | None:
    """What a second press, a second tab or the back button gets."""
    if session.state == SessionState.PAID:
        return PayResult("paid", leave_url(session, PageState.PAID))
    if session.state != SessionState.PAYING:
        return None
    assert session.transaction_id is not None
    transaction = await lock_transaction(db, session.transaction_id)
    to_pay = session.amount - session.gift_card_amount
    if (transaction.payment_product_type, to_pay) != (option, expected_to_pay):
        raise PaymentInProgress("a payment of this session is under way")
    if transaction.redirect_url is None:
        return PayResult("unknown")
    return PayResult("redirect", transaction.redirect_url)


async def _begin(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, option: str | None,
    expected_to_pay: int, now: datetime, language: str,
) -> tuple[Transaction, Operation]:  # fmt: skip
    """Write the transaction INITIATED and the try with its key, and hold the card's share."""
    choices = (session.body.get("express") or {}).get("shipping_options") or []
    if not session.details_done or (choices and session.chosen_shipping is None):
        raise DetailsMissing("the payer's details are not complete")
    _, card = await gift_card_of(db, session.id)
    if card is not None:
        card = await ledger.lock_card(db, card.id)
    share = share_of(session, card, now)
    to_pay = session.amount - share
    if to_pay != expected_to_pay:
        raise SplitChanged("what is left to pay has changed")
    if to_pay > 0 and option not in session.options:
        raise PaymentOptionNotAllowed("this payment option is not offered in this session")
    if session.amount == 0 and not session.zero_allowed:
        raise PaymentOptionNotAllowed("an order of nothing needs dintero.zero enabled")
    used = card if share else None
    transaction = Transaction(
        id=scoped_id(session.account_id), account_id=session.account_id,
        profile_id=session.profile_id, session_id=session.id, status=Status.INITIATED.value,
        currency=session.currency, amount=session.amount,
        payment_product_type=product_type(session.amount, to_pay, option if to_pay else None),
        merchant_reference=session.merchant_reference, snapshot=_snapshot(session, language),
        return_ref=new_uuid(), created_at=now, updated_at=now,
        gift_card=used.id if used else None,
        gift_card_shown={"card_id": used.card_id, "masked_card_token": used.number_mask}
        if used
        else None,
    )  # fmt: skip
    db.add(transaction)
    await db.flush()
    operation = _authorize_operation(transaction, share, to_pay, now)
    if used is not None:
        await _hold(db, transaction, used, share, operation.key, now)
    db.add(operation)
    session.state = advance(SessionState(session.state), SessionState.PAYING)
    session.transaction_id = transaction.id
    session.gift_card_amount = share
    session.notice = None
    touch(session, now)
    await record(db, transaction, Happened("INITIALIZE", transaction.amount), now)
    return transaction, operation


async def _hold(
    db: AsyncSession, transaction: Transaction, card: Card, share: int, key: str, now: datetime
) -> None:
    metadata = {"dintero_transaction_id": transaction.id}
    cause = ledger.Cause(f"authorize:{key}", now, "checkout", metadata)
    _, held = await ledger.hold(db, card, share, cause, f"transaction:{transaction.id}")
    transaction.hold_id = held.id


def _authorize_operation(
    transaction: Transaction, share: int, to_pay: int, now: datetime
) -> Operation:
    key = new_uuid()
    return Operation(
        id=key, transaction_id=transaction.id, kind=OperationKind.AUTHORIZE.value, key=key,
        state="pending", card_amount=share, psp_amount=to_pay, request={},
        due_at=now + FIRST_LOOK, created_by="checkout", created_at=now, updated_at=now,
    )  # fmt: skip


def _snapshot(session: CheckoutSession, language: str) -> dict[str, Any]:
    """The order as it is when the payer presses Pay. The shipping option becomes an item, so that
    it can be captured as one (`reference/dintero-api.md#52-object`)."""
    body, order = session.body, session.body["order"]
    items = [dict(item) for item in order.get("items") or []]
    option = order.get("shipping_option")
    if option is not None:
        kept = ("id", "line_id", "amount", "vat_amount", "vat")
        item = {key: option[key] for key in kept if key in option}
        items.append({**item, "description": option["title"], "quantity": 1, "type": "shipping"})
    customer = body.get("customer") or {}
    merchant = body.get("merchant") or {}
    metadata = {
        **(body.get("metadata") or {}),
        "session:profile_id": session.profile_id,
        "merchant_name": merchant.get("name"),
    }
    shown = ("customer_id", "email", "phone_number")
    return {
        "merchant_reference_2": order.get("merchant_reference_2"),
        "channel": (body.get("configuration") or {}).get("channel") or "ecommerce",
        "customer": {key: customer[key] for key in shown if customer.get(key)},
        "shipping_address": order.get("shipping_address"),
        "billing_address": order.get("billing_address"),
        "shipping_option": option,
        "store": order.get("store"),
        "items": items,
        "url": {"callback_url": body["url"].get("callback_url")},
        "checkboxes": body.get("checkboxes"),
        "initiating_system_request_headers": session.initiating_headers or None,
        "event_reference": order.get("event_reference"),
        "language": language,
        "metadata": {key: value for key, value in metadata.items() if value is not None},
    }


async def create_at_provider(ctx: Backend, transaction_id: str) -> PayResult:
    """Ask the provider for the payment, and keep its answer. One key, one payment."""
    async with ctx.db.reading() as db:
        transaction = await db.get(Transaction, transaction_id)
        operation = await open_operation(db, transaction_id)
    if transaction is None or operation is None:
        return PayResult("unknown")
    if transaction.redirect_url is not None:
        return PayResult("redirect", transaction.redirect_url)
    try:
        connector = await connector_of(ctx, transaction)
        request = _payment_request(ctx, transaction, operation)
        result = await connector.create_payment(request)
    except NotConnected:
        result = Result(Outcome.REFUSED, code="configuration", message="not connected")
    faults.point("pay.created_at_provider")
    answer = await _keep_created(ctx, transaction, operation.id, result)
    faults.point("pay.redirect_stored")
    return answer


def _payment_request(
    ctx: Backend, transaction: Transaction, operation: Operation
) -> PaymentRequest:
    """The same for every try with one key: a provider compares the bodies."""
    base = ctx.settings.base_url
    back = f"{base}/v1/sessions/{transaction.session_id}/redirect/{transaction.return_ref}"
    lifetime = max(ctx.settings.payment_lifetime, 3600)
    customer = transaction.snapshot.get("customer") or {}
    return PaymentRequest(
        key=operation.key,
        amount=money(transaction, operation.psp_amount),
        transaction_id=transaction.id,
        session_id=transaction.session_id,
        merchant_reference=transaction.merchant_reference,
        description=_description(transaction, operation),
        return_url=back,
        cancel_url=f"{back}?cancelled=1",
        notification_url=f"{base}/v1/psp/{transaction.account_id}/{transaction.profile_id}/"
        f"{transaction.payment_product_type}/notifications",
        language=str(transaction.snapshot.get("language") or "en"),
        expires_at=transaction.created_at + timedelta(seconds=lifetime),
        email=customer.get("email"),
    )


def _description(transaction: Transaction, operation: Operation) -> str:
    norwegian = str(transaction.snapshot.get("language") or "").startswith(("nb", "no", "nn"))
    order = "Ordre" if norwegian else "Order"
    name = f"{order} {transaction.merchant_reference}"
    if operation.card_amount == 0:
        return name
    return f"{name} ({'resten etter gavekort' if norwegian else 'rest after gift card'})"


async def _keep_created(
    ctx: Backend, transaction: Transaction, operation_id: str, result: Result
) -> PayResult:
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, transaction.session_id)
        transaction = await lock_transaction(db, transaction.id)
        operation = await lock_operation(db, operation_id)
        if operation.state not in ("pending", "unknown"):
            return PayResult("unknown")
        operation.raw = dict(result.raw)
        operation.tries += 1
        operation.claimed_until = None
        if result.outcome is Outcome.DONE:
            operation.state = "pending"
            operation.due_at = now + FIRST_LOOK
            transaction.psp_reference = result.reference
            transaction.redirect_url = result.redirect_url
            session.redirect_url = result.redirect_url
            touch(session, now)
            return PayResult("redirect", result.redirect_url)
        if result.outcome is Outcome.REFUSED:
            notice = Notice.DECLINED if result.code == "declined" else Notice.PROVIDER_DOWN
            code = result.code or "refused"
            await settle.fail(
                db, session, transaction, operation, now, notice=notice, code=code,
                message=result.message,
            )  # fmt: skip
            return PayResult("refused")
        operation.state = "unknown"
        operation.due_at = now + timedelta(seconds=2)
        return PayResult("unknown")
