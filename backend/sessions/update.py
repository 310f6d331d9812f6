"""The merchant's server changes a session. Source:
`docs/reference/dintero-api.md#updating-a-session`.
"""

from __future__ import annotations

import contextlib
import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import profile_of
from backend.core.context import Backend
from backend.core.errors import GiftCardTurnsOn, InvalidRequest, SessionNotFound, TooManyChanges
from backend.rules import session as rules
from backend.rules.order import Order, ShippingOption
from backend.rules.session_body import SessionBody
from backend.sessions import events, shipping
from backend.sessions.create import LENIENT, Strict, check_lines, decide, decide_anew, refuse
from backend.sessions.details import drop_same_billing
from backend.sessions.express_callbacks import ask_for_shipping
from backend.sessions.fields import Words
from backend.sessions.load import check_open, lock_session
from backend.sessions.lock import unlock
from backend.sessions.order_changes import keep_body, same_content
from backend.sessions.preset import preset_warnings, refuse_strictly, warned
from backend.sessions.request import Amount, Currency, Express, Flag, Loose, OrderParts
from backend.sessions.serializer import as_read
from backend.sessions.tables import CheckoutSession


class OrderUpdate(OrderParts):
    """The same fields as an order, none of them required. What is not sent stays as it is."""

    amount: Amount | None = None
    currency: Currency | None = None
    merchant_reference: Words | None = None
    partial_payment: Flag | None = None


class SessionUpdate(Loose):
    order: OrderUpdate
    express: Express | None = None
    remove_lock: Flag = True


_NOT_FROM_HERE = ("merchant_reference", "gift_cards", "shipping_option", "amount")
"""Clients send the whole order. These fields are not copied from it: some they may not change, and
the others are merged by rules of their own."""


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """What the merchant's server asks for besides its changes: to change a session that is not
    locked, to ask the shop for shipping options again, and to refuse what is not strictly right."""

    without_lock: bool = False
    force_shipping_callback: bool = False
    strict: Strict = LENIENT


async def update_session(
    ctx: Backend,
    account_id: str,
    session_id: str,
    request: SessionUpdate,
    origin: events.Request,
    how: UpdateOptions,
) -> None:
    """Take the merchant's changes.

    InvalidRequest if the session is not locked, or if the amounts, the shipping option or the rules
    for gift cards do not allow the changes. GiftCardTurnsOn if they would switch gift cards on
    while a push is under way, because a push takes none. GiftCardRefused if `how` asks for the
    preset card to be usable, and it would not be.

    If an address is known, the shop is asked for shipping options by callback. It is not asked if
    the request has `express.shipping_options`, unless `how` forces it.
    """
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        if session.account_id != account_id:
            raise SessionNotFound("there is no such session")
        may_change = session.pay_lock_id is not None or how.without_lock
        if may_change:
            await _check_push(ctx, db, session, request, now)
        check_open(session, now, None)
        if not may_change:
            raise InvalidRequest("the session must be locked first, or update_without_lock set")
        await _change(ctx, db, session, request, now, origin)
        if how.strict.gift_card:
            refuse_strictly(await preset_warnings(db, session, now))
        if request.remove_lock:
            await unlock(db, session, now)
        asks = _asks_for_shipping(session, request, force=how.force_shipping_callback)
    if asks:
        await ask_for_shipping(ctx, session_id, by_payer=False)


async def _check_push(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, request: SessionUpdate, now: datetime
) -> None:
    """Raise GiftCardTurnsOn if a push is under way that could not be sent after this change. A
    change that is not allowed is refused before that, so that no push is ended for it."""
    if session.state != rules.SessionState.PAYING or session.pushed_to is None:
        return
    if rules.is_expired(session.expires_at, now):
        return
    body = copy.deepcopy(session.body)
    _merge(session, body, request)
    changed = SessionBody.read(body)
    check_lines(changed.order)
    _check_amounts(changed.order)
    profile = await profile_of(db, session.account_id, session.profile_id)
    if decide(ctx, profile, changed).gift_card and not session.gift_card_use:
        assert session.transaction_id is not None  # a session that is PAYING has one
        raise GiftCardTurnsOn(session.transaction_id)


def _merge(session: CheckoutSession, body: dict[str, Any], request: SessionUpdate) -> None:
    """Put the request's changes into `body`."""
    given = request.order.model_dump(mode="json", exclude_unset=True)
    express = request.express.model_dump(mode="json", exclude_unset=True) if request.express else {}
    _change_order(session, body, given, express)


async def _change(
    ctx: Backend,
    db: AsyncSession,
    session: CheckoutSession,
    request: SessionUpdate,
    now: datetime,
    origin: events.Request,
) -> None:
    before, known = session.body, _known(session)
    body = copy.deepcopy(before)
    _merge(session, body, request)
    order = Order.read(body["order"])
    check_lines(order)
    if session.express:
        drop_same_billing(body)
    changed = not same_content(as_read(session, before), as_read(session, body))
    if changed:
        _check_amounts(order)
        keep_body(session, body)
    else:
        body = before
    await decide_anew(ctx, db, session, session.content)
    changed = changed or _known(session) != known
    details: dict[str, Any] = {
        "previous_order": before["order"],
        "updated_order": body["order"],
    }
    for name, of in (("previous_express", before), ("updated_express", body)):
        if of.get("express") is not None:
            details[name] = of["express"]
    for part in ("order", "express"):
        if same_content(before.get(part), body.get(part)):
            details[f"updated_{part}_result"] = {"status": "NOT_MODIFIED"}
    details |= await warned(db, session, now)
    if changed:
        await events.record(db, session, "UPDATE_SESSION", now, details, origin)
        return
    # A client that sends what we know already changes nothing. So no page is told, and the limit
    # on changes does not stop the client.
    with contextlib.suppress(TooManyChanges):
        await events.record_unseen(db, session, "UPDATE_SESSION", now, details, origin)


def _known(session: CheckoutSession) -> tuple[object, ...]:
    """Return what the rules derive from a session's body."""
    return (session.chosen_shipping, session.gift_card_use, session.options, session.minimums)


def _change_order(
    session: CheckoutSession,
    body: dict[str, Any],
    given: dict[str, Any],
    express: dict[str, Any],
) -> None:
    """Put the given parts into `body`. The order keeps an option that is still offered, or gets
    another one of those that are offered now."""
    order = body["order"]
    if not session.merchant_reference and given.get("merchant_reference"):
        # The shop had no number for the order when it made the session.
        order["merchant_reference"] = session.merchant_reference = given["merchant_reference"]
    if given.get("currency", session.currency) != session.currency:
        raise refuse("order.currency", f"the currency of this session stays {session.currency}")
    if express:
        body["express"] = {**(body.get("express") or {}), **express}
    now = SessionBody.read(body)
    option = now.order.shipping_option
    if given.get("shipping_option") is not None:
        option = _chosen_by_shop(session, now, ShippingOption.read(given["shipping_option"]))
    elif "shipping_options" in express:
        option = _chosen_among(session, now)
    # The amount of an order includes its shipping option. So the option is taken out, the rest is
    # changed, and the option is put in again.
    shipping.put_option(order, None)
    order.update({key: value for key, value in given.items() if key not in _NOT_FROM_HERE})
    if given.get("amount") is not None:
        order["amount"] = _items_amount(order, given["amount"], option.amount if option else 0)
    vat = given.get("vat_amount")
    shipping.put_option(order, option)
    if vat is not None:
        order["vat_amount"] = vat


def _chosen_by_shop(
    session: CheckoutSession, body: SessionBody, option: ShippingOption
) -> ShippingOption:
    """Return the option that the shop names. It has to be one of those that are offered, or the one
    that the shop has chosen before. InvalidRequest if it is neither."""
    options, before = body.express.shipping_options, body.order.shipping_option
    stands = session.chosen_shipping is None and before is not None and before.is_same(option)
    session.chosen_shipping = shipping.find_key(options, option)
    if options and session.chosen_shipping is None and not stands:
        raise refuse("order.shipping_option", "it is not one of express.shipping_options")
    return option


def _chosen_among(session: CheckoutSession, body: SessionBody) -> ShippingOption | None:
    """Return the option that the order has once the shop offers others. An option that the shop has
    chosen itself stays, although it is none of these."""
    options, option = body.express.shipping_options, body.order.shipping_option
    if body.is_shipping_fixed(session.chosen_shipping):
        assert option is not None  # otherwise it would not be fixed
        session.chosen_shipping = shipping.find_key(options, option)
        return shipping.by_key(options, session.chosen_shipping) or option
    first = session.details_done
    session.chosen_shipping = shipping.pick_key(options, option, first=first)
    return shipping.by_key(options, session.chosen_shipping)


def _items_amount(order: dict[str, Any], amount: int, option: int) -> int:
    """Return the order's amount without shipping (minor units). In an Express session a client may
    send the amount with or without the chosen option. The sum of the items tells which it is."""
    if amount == Order.read(order).items_amount:
        return amount
    return amount - option


def _check_amounts(order: Order) -> None:
    if not order.items:
        # Without items there is no sum that the amount could differ from.
        return
    broken = rules.sum_rule_broken(order)
    if broken or order.amount < 0:
        raise refuse("order.amount", broken or "order.amount must not be negative")


def _asks_for_shipping(session: CheckoutSession, request: SessionUpdate, *, force: bool) -> bool:
    body = session.content
    if body.express.shipping_callback_url is None or body.order.shipping_address is None:
        return False
    given = request.express is not None and request.express.shipping_options is not None
    return force or not given
