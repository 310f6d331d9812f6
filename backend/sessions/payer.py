"""What a payer may change in a session. Each verb is one unit of work and may be repeated.

The page and the payer-side API call the same verbs. While a payment is under way each raises
PaymentInProgress; on a paid, cancelled or expired session SessionClosed.
"""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.tables import Profile
from backend.cards import lookup
from backend.cards.tables import Card
from backend.context import Backend
from backend.errors import GiftCardRefused, InvalidRequest
from backend.rules import gift_card
from backend.rules.gift_card import Refusal
from backend.sessions import details as contact
from backend.sessions import events
from backend.sessions.create import put_gift_card
from backend.sessions.details import Details
from backend.sessions.load import get_session, gift_card_of, lock_open, lock_session
from backend.sessions.read import shipping_key
from backend.sessions.tables import CheckoutSession

MAX_TYPED = 128

_TEXT = {
    Refusal.NOT_MATCHED: "the gift card number and the PIN do not match a gift card",
    Refusal.EMPTY: "nothing is left on this gift card",
    Refusal.EXPIRED: "this gift card has expired",
    Refusal.NOT_ACTIVE_YET: "this gift card cannot be used yet",
    Refusal.INACTIVE: "this gift card is not active",
    Refusal.OTHER_CURRENCY: "this gift card is in another currency than the order",
    Refusal.ALREADY_ADDED: "a gift card is already added; only one can be used",
    Refusal.NOT_OFFERED: "gift cards cannot be used in this session",
}


def refused(reason: Refusal) -> GiftCardRefused:
    return GiftCardRefused(reason.value, _TEXT[reason])


async def visit(ctx: Backend, session_id: str) -> None:
    """The page was opened: VISITED, once."""
    async with ctx.db.reading() as db:
        if (await get_session(db, session_id)).visited:
            return
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        if not session.visited:
            session.visited = True
            await events.record(db, session, "VISITED", ctx.clock.now())


async def set_details(ctx: Backend, session_id: str, details: Details) -> None:
    """Keep the payer's contact details and addresses. DetailsInvalid names every bad field."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_open(db, session_id, now)
        if not session.express:
            raise InvalidRequest("this session's details are the shop's")
        profile = await db.get(Profile, (session.account_id, session.profile_id))
        assert profile is not None
        body = copy.deepcopy(session.body)
        configuration = {**profile.configuration, **(body.get("configuration") or {})}
        countries, _ = contact.countries_of(configuration, session.currency)
        express = body.get("express") or {}
        required = express.get("shipping_mode") != "shipping_not_required"
        checked = contact.check_details(details, countries, shipping_required=required)
        _keep_details(body, checked)
        changed = body != session.body
        if changed or not session.details_done:
            session.body = body
            session.details_done = True
            session.notice = None
            address = body["order"].get("shipping_address")
            shown = {"shipping_address": address} if address else None
            await events.record(db, session, "SET_SHIPPING_ADDRESS", now, shown)
            if checked.billing is not None:
                await events.record(db, session, "SET_BILLING_ADDRESS", now)
        choices = express.get("shipping_options") or []
        if choices and session.chosen_shipping is None:
            # The first is chosen, so that the total is never shown without shipping.
            await _choose_shipping(db, session, shipping_key(0, choices[0]), now)


def _keep_details(body: dict[str, Any], details: Details) -> None:
    order = body["order"]
    order["shipping_address"] = contact.address_to(
        details.shipping, details.email, details.phone_number
    )
    if details.billing is not None:
        order["billing_address"] = contact.address_to(
            details.billing, details.email, details.phone_number
        )
    else:
        order.pop("billing_address", None)
    customer = body.get("customer") or {}
    body["customer"] = {
        **customer, "email": details.email, "phone_number": details.phone_number,
    }  # fmt: skip


async def set_shipping_option(ctx: Backend, session_id: str, key: str) -> None:
    """Choose one of the session's shipping options; the order's amount follows."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_open(db, session_id, now)
        if key != session.chosen_shipping:
            await _choose_shipping(db, session, key, now)


async def _choose_shipping(
    db: AsyncSession, session: CheckoutSession, key: str, now: datetime
) -> None:
    body = copy.deepcopy(session.body)
    choices = (body.get("express") or {}).get("shipping_options") or []
    chosen = {shipping_key(i, option): option for i, option in enumerate(choices)}.get(key)
    if chosen is None:
        raise InvalidRequest("there is no such shipping option")
    order = body["order"]
    before = order.get("shipping_option") or {}
    order["amount"] += int(chosen["amount"]) - int(before.get("amount") or 0)
    if order.get("vat_amount") is not None:
        order["vat_amount"] += int(chosen.get("vat_amount") or 0)
        order["vat_amount"] -= int(before.get("vat_amount") or 0)
    order["shipping_option"] = chosen
    session.body = body
    session.amount = order["amount"]
    session.chosen_shipping = key
    await events.record(db, session, "SET_SHIPPING_OPTION", now, {"shipping_option": chosen})


async def add_gift_card(ctx: Backend, session_id: str, number: str, pin: str, source: str) -> None:
    """Add the payer's card by number and PIN. GiftCardRefused with its reason.

    `source` is the payer's address, for the try budgets. The PIN is checked outside any unit of
    work: it takes a tenth of a second.
    """
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
        added, _ = await gift_card_of(db, session_id)
        if not session.gift_card_use:
            raise refused(Refusal.NOT_OFFERED)
        account_id, before = session.account_id, added.card if added else None
    number, pin = number.strip()[:MAX_TYPED], pin.strip()[:MAX_TYPED]
    if not number or not pin:
        raise refused(Refusal.NOT_MATCHED)
    card = await lookup.find_by_number_and_pin(
        ctx, account_id, number, pin, session_id=session_id, source=source
    )
    if card is None:
        raise refused(Refusal.NOT_MATCHED)
    if before == card.id:
        return
    await _add(ctx, session_id, card)


async def _add(ctx: Backend, session_id: str, found: Card) -> None:
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_open(db, session_id, now)
        added, _ = await gift_card_of(db, session_id)
        if added is not None and added.card == found.id:
            return
        if added is not None:
            raise refused(Refusal.ALREADY_ADDED)
        card = await db.get(Card, found.id)
        assert card is not None
        reason = gift_card.refusal(lookup.facts(card), session.currency, now)
        if reason is not None:
            raise refused(reason)
        session.notice = None
        await put_gift_card(db, session, card, preset=False, now=now)


async def remove_gift_card(ctx: Backend, session_id: str) -> None:
    """Take the card off the session. To come back it needs number and PIN, a preset one too."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_open(db, session_id, now)
        added, _ = await gift_card_of(db, session_id)
        if added is not None:
            await db.delete(added)
            await db.flush()
            await events.record(db, session, "SET_GIFT_CARD", now)
