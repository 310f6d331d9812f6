"""Pay: hold the card's share, write the attempt, then go to the provider.

One attempt has one key, however often the provider is asked. The hold is made here, and not when
the card is added, so that an abandoned page locks no money. Source: `docs/architecture.md#money`,
`#one-payment`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import seller_of
from backend.cards import ledger
from backend.cards.tables import Card
from backend.cards.tokens import spend
from backend.core import crash_points
from backend.core.context import Backend
from backend.core.errors import (
    DetailsMissing,
    PaymentOptionNotAllowed,
    RemainderTooSmall,
    SessionClosed,
    SplitChanged,
)
from backend.core.ids import new_uuid, scoped_id
from backend.payments import conclude
from backend.payments.attempts.at_provider import (
    FIRST_LOOK,
    JustBegun,
    PayResult,
    create_at_provider,
    known_page,
)
from backend.payments.attempts.press import (
    OtherOptionUnderWay,
    Press,
    as_ticked,
    check_consents,
    check_option,
    check_under_way,
)
from backend.payments.attempts.resolve import reopen
from backend.payments.auto_capture_schedule import is_requested
from backend.payments.search import add_terms, make_findable
from backend.payments.store import NewEvent, lock_transaction, record
from backend.payments.tables import Operation, Transaction
from backend.psp.protocol import OperationKind
from backend.rules.order import Merchant
from backend.rules.remainder import Remainder
from backend.rules.session import Obstacle, SessionState, advance, is_expired
from backend.rules.transaction import Status, product_type
from backend.sessions.details import show_billing
from backend.sessions.events import touch
from backend.sessions.load import (
    check_not_locked,
    check_unmodified,
    lock_gift_card,
    lock_session,
    minimums_of_session,
    remainder_of,
    share_of,
)
from backend.sessions.merchant import merchant_of
from backend.sessions.own_names import OwnMetadata, without_our_metadata
from backend.sessions.paying import obstacle_to_pay
from backend.sessions.read import leave_url
from backend.sessions.remainder import remainder_text, serialize_remainder
from backend.sessions.tables import CheckoutSession
from backend.sessions.view import PageState

__all__ = ["PayResult", "Press", "pay", "pay_otherwise", "start_attempt"]


async def pay_otherwise(ctx: Backend, session_id: str, press: Press) -> PayResult:
    """Do what `pay` does, but first end a payment with another option that is under way, at its
    provider.

    Only another option ends it, and only if nothing else is wrong with this press. Any other
    conflict raises its error and leaves the payment under way as it is. PaymentInProgress if the
    provider has not decided; SplitChanged if the order has changed while the provider was asked.
    """
    try:
        return await pay(ctx, session_id, press)
    except OtherOptionUnderWay as other:
        await reopen(ctx, session_id, only=other.transaction_id)
        # The end of that payment has changed the session, which the header cannot know. The order
        # still has to be the same.
        again = replace(press, unmodified_since=None, order=other.order)
    return await pay(ctx, session_id, again)


async def pay(ctx: Backend, session_id: str, press: Press) -> PayResult:
    """Start to pay, or continue the payment that is under way: a second press does nothing more.

    SplitChanged if the amounts are not what the payer was shown. PaymentInProgress if a payment of
    another amount or with another option is under way; RemainderTooSmall if the option takes no
    amount that small; SessionLocked while the merchant changes the session; ConsentMissing if a
    required checkbox is not ticked.
    """
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        made: JustBegun | None = None
        known = await _under_way(ctx, db, session, press, now)
        if known is not None and known.state != "unknown":
            return known
        if known is not None:
            assert session.transaction_id is not None
            begun = session.transaction_id
        else:
            if session.state != SessionState.OPEN or is_expired(session.expires_at, now):
                raise SessionClosed("this session is closed")
            check_unmodified(session, press.unmodified_since)
            check_not_locked(ctx, session, now)
            if press.order_amount not in (None, session.amount):
                raise SplitChanged("the order's amount has changed")
            if press.order not in (None, session.content.order):
                raise SplitChanged("the order has changed")
            transaction, operation = await start_attempt(db, session, press, now)
            begun = transaction.id
            seller, _ = await seller_of(db, session.account_id, session.profile_id)
            made = JustBegun(session, transaction, operation, seller)
            if operation.psp_amount == 0:
                await conclude.authorize(db, session, transaction, operation, now)
                known = PayResult("paid", leave_url(session, PageState.PAID))
        crash_points.point("pay.writing")
    crash_points.point("pay.written")
    if known is not None and known.state == "paid":
        return known
    # A second press asks once more if the first one's answer never came.
    return await create_at_provider(ctx, begun, first=made)


async def _under_way(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, press: Press, now: datetime
) -> PayResult | None:
    """Return what a second press, a second tab or the back button gets."""
    if session.state == SessionState.PAID:
        return PayResult("paid", leave_url(session, PageState.PAID))
    if session.state != SessionState.PAYING:
        return None
    assert session.transaction_id is not None
    transaction = await lock_transaction(db, session.transaction_id)
    check_consents(session, press.accepted)
    check_under_way(ctx, session, transaction, press, now)
    return known_page(transaction)


async def start_attempt(
    db: AsyncSession, session: CheckoutSession, press: Press, now: datetime
) -> tuple[Transaction, Operation]:
    """Write the transaction INITIATED and the attempt with its key, and hold the card's share. The
    caller has locked the open session's row."""
    added, card, token = await lock_gift_card(db, session.id)
    judged = remainder_of(session, added, card, now)
    hinders = obstacle_to_pay(session, judged, is_open=session.state == SessionState.OPEN)
    if hinders is Obstacle.DETAILS:
        raise DetailsMissing("the payer's details are not complete")
    share = share_of(session, added, card, now)
    to_pay = session.amount - share
    if press.to_pay not in (None, to_pay):
        raise SplitChanged("what is left to pay has changed")
    # If nothing is left to pay, the option and the phone do not matter.
    option, push_to = (press.option, press.push_to) if to_pay > 0 else (None, None)
    if to_pay > 0:
        check_option(session, press)
        _check_minimum(session, judged, option)
    if hinders is Obstacle.NOTHING_TO_PAY:
        raise PaymentOptionNotAllowed(
            "an order with amount 0 needs the payment type dintero.zero to be enabled"
        )
    check_consents(session, press.accepted)
    used = card if share else None
    shown = {"card_id": used.card_id, "masked_card_token": used.number_mask} if used else None
    snapshot = _snapshot(session, await merchant_of(db, session), press) | {
        "auto_capture": await is_requested(db, session),
        "push_to": push_to,
        "on_phone": press.on_phone,
    }
    transaction = Transaction(
        id=scoped_id(session.account_id),
        account_id=session.account_id,
        profile_id=session.profile_id,
        session_id=session.id,
        status=Status.INITIATED.value,
        currency=session.currency,
        amount=session.amount,
        payment_product_type=product_type(session.amount, to_pay, option),
        merchant_reference=session.merchant_reference,
        snapshot=snapshot,
        return_ref=new_uuid(),
        created_at=now,
        updated_at=now,
        gift_card=used.id if used else None,
        gift_card_shown=shown,
    )
    make_findable(transaction)
    operation = _authorize_operation(transaction, share, to_pay, now)
    if used is not None:
        await _hold(db, transaction, used, share, operation.key, now)
        if token is not None:
            spend(token, str(transaction.hold_id))
    db.add(transaction)
    await db.flush()
    add_terms(db, transaction)
    db.add(operation)
    session.state = advance(SessionState(session.state), SessionState.PAYING)
    session.transaction_id = transaction.id
    session.gift_card_amount = share
    session.pushed_to, session.pushed_with = push_to, option if push_to else None
    session.notice = None
    touch(session, now)
    await record(db, transaction, NewEvent("INITIALIZE", transaction.amount), now)
    return transaction, operation


def _check_minimum(session: CheckoutSession, judged: Remainder, option: str | None) -> None:
    """Raise RemainderTooSmall if the option takes no amount that small. Nothing is held yet."""
    if option not in judged.unable:
        return
    minimum = minimums_of_session(session)[str(option)]
    details = {**serialize_remainder(judged), "minimum": minimum, "payment_product_type": option}
    raise RemainderTooSmall(remainder_text(judged, minimum), (), details)


async def _hold(
    db: AsyncSession, transaction: Transaction, card: Card, share: int, key: str, now: datetime
) -> None:
    metadata = {"dintero_transaction_id": transaction.id}
    cause = ledger.EntryContext(f"authorize:{key}", now, "checkout", metadata, fresh=True)
    _, held = await ledger.hold(db, card, share, cause, f"transaction:{transaction.id}")
    transaction.hold_id = held.id


def _authorize_operation(
    transaction: Transaction, share: int, to_pay: int, now: datetime
) -> Operation:
    key = new_uuid()
    return Operation(
        id=key,
        transaction_id=transaction.id,
        kind=OperationKind.AUTHORIZE.value,
        key=key,
        state="pending",
        card_amount=share,
        psp_amount=to_pay,
        request={},
        due_at=now + FIRST_LOOK,
        created_by="checkout",
        created_at=now,
        updated_at=now,
    )


def _snapshot(session: CheckoutSession, merchant: Merchant, press: Press) -> dict[str, Any]:
    """Return the order as it is when the payer presses Pay. The shipping option becomes an item, so
    that it can be captured as one (`docs/reference/dintero-api.md#transaction-object`)."""
    body = session.content
    order, customer = body.order, body.customer
    addresses = {**session.body, "order": dict(order.raw)}
    if session.express:
        show_billing(addresses)
    items = [dict(item.raw) for item in order.items]
    option = order.shipping_option
    if option is not None:
        kept = ("id", "line_id", "amount", "vat_amount", "vat")
        item = {key: option.raw[key] for key in kept if key in option.raw}
        items.append({**item, "description": option.title, "quantity": 1, "type": "shipping"})
    theirs = without_our_metadata(body.metadata)
    own: OwnMetadata = {"session:profile_id": session.profile_id, "merchant_name": merchant.name}
    if merchant.country is not None:
        own["merchant_country"] = merchant.country
    if order.event_reference is not None:
        own["event_reference"] = order.event_reference
    known = {
        "customer_id": customer.customer_id,
        "email": customer.email,
        "phone_number": customer.phone_number,
    }
    return {
        **(session.visitor or {}),
        "merchant_reference_2": order.merchant_reference_2,
        "channel": body.configuration.channel or "ecommerce",
        "customer": {key: value for key, value in known.items() if value},
        "shipping_address": addresses["order"].get("shipping_address"),
        "billing_address": addresses["order"].get("billing_address"),
        "shipping_option": option.raw if option is not None else None,
        "store": order.raw.get("store"),
        "items": items,
        "url": {
            "redirect_url": body.urls.return_url,
            "callback_url": body.urls.callback_url,
        },
        "payout_destination_id": order.raw.get("payout_destination_id"),
        "checkboxes": as_ticked(session, press.accepted),
        "initiating_system_request_headers": session.initiating_headers or None,
        "event_reference": order.event_reference,
        "language": press.language,
        "metadata": {k: v for k, v in theirs.items() if v is not None} | own,
    }
