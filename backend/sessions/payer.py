"""What a payer may change in a session. Each verb is one unit of work and may be repeated.

The page and the payer-side API call the same verbs. Each raises PaymentInProgress while a payment
is under way, and SessionClosed if the session is paid, cancelled or expired.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import configuration_of, seller_of
from backend.cards import lookup, pin_attempts
from backend.cards.lookup import Match
from backend.cards.pin_check import match_number_and_pin
from backend.cards.tables import Card
from backend.core.context import Backend
from backend.core.errors import FieldError, GiftCardAmountRefused, GiftCardRefused, InvalidRequest
from backend.rules import gift_card
from backend.rules.gift_card import Refusal
from backend.rules.order import Address, Merchant, ShippingOption
from backend.rules.session import gift_card_offered
from backend.sessions import details as contact
from backend.sessions import events, express_callbacks, shipping
from backend.sessions.details import Details
from backend.sessions.express_callbacks import Asked
from backend.sessions.gift_cards import Addition, put_gift_card, record_gift_card
from backend.sessions.load import (
    card_to_add,
    check_not_locked,
    check_open,
    get_session,
    gift_card_of,
    judge_share,
    lock_for_payer,
    lock_session,
)
from backend.sessions.order_changes import choose_shipping
from backend.sessions.phones import home_of
from backend.sessions.remainder import remainder_text, serialize_remainder
from backend.sessions.request import MAX_AMOUNT
from backend.sessions.tables import CheckoutSession, SessionGiftCard
from backend.sessions.view import AddressView

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
    Refusal.HELD_ELSEWHERE: "a payment left open elsewhere holds this gift card",
    Refusal.STILL_HELD: "the payment that holds this gift card has not been decided yet",
}


def refused(reason: Refusal) -> GiftCardRefused:
    return GiftCardRefused(reason.value, _TEXT[reason])


async def visit(ctx: Backend, session_id: str, address: str = "", user_agent: str = "") -> None:
    """Record that the page was opened: the event VISITED once, and the payer's address and browser
    of the last visit."""
    seen_by = {"customer_ip": address[:64], "user_agent": user_agent[:255]}
    visitor = {name: text for name, text in seen_by.items() if text}
    async with ctx.db.reading() as db:
        known = await get_session(db, session_id)
        if known.visited and visitor in ({}, known.visitor):
            return
    async with ctx.db.unit_of_work() as db:
        session = await lock_session(db, session_id)
        if visitor:
            # This is no change of the session, so its version and `updated_at` stay.
            session.visitor = visitor
        if not session.visited:
            session.visited = True
            await events.record(db, session, "VISITED", ctx.clock.now())


async def set_details(
    ctx: Backend,
    session_id: str,
    given: Details | Callable[[dict[str, Any]], Details],
    unmodified_since: str | None = None,
    *,
    ask_shop: bool = True,
) -> Asked:
    """Keep the payer's contact details and addresses. DetailsInvalid names every bad field.

    `given` may be a function. It makes them of the session's body, after the row is locked.

    If the shop calculates shipping by callback, it is asked after the address is kept.
    ShippingUnavailable if that fails; then the details are not complete until it succeeds. Without
    `ask_shop`, the page that embeds ours has asked the shop before (`shop_address`). Return what
    came of asking the shop.
    """
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_for_payer(ctx, db, session_id, now, unmodified_since)
        details = given if isinstance(given, Details) else given(session.body)
        ask = await _keep_details(db, session, details, now, ask_shop=ask_shop)
    if ask:
        return await express_callbacks.ask_for_shipping(ctx, session_id)
    return Asked()


async def check_details(db: AsyncSession, session: CheckoutSession, details: Details) -> Details:
    """Return the details as they are stored. DetailsInvalid; InvalidRequest if the payer may not
    give this session's details."""
    if not session.express:
        raise InvalidRequest("the payer cannot change the details of this session")
    profile, _ = await seller_of(db, session.account_id, session.profile_id)
    body = session.content
    configuration = configuration_of(profile, body)
    merchant = Merchant.of("", profile.merchant, body.merchant)
    countries, _ = contact.countries_of(configuration, session.currency, merchant)
    required = body.express.shipping_required
    known = body.order.shipping_address or Address()
    if not required and details.shipping == AddressView(country=details.shipping.country):
        # The page asked for no address, so the addresses that the shop has given stay.
        asked = details.billing is not None or body.separate_billing(configuration)
        details = replace(
            details,
            shipping_more={**known.raw, **details.shipping_more},
            keep_billing=details.keep_billing or not asked,
        )
    return contact.check_details(
        details,
        countries,
        shipping_required=required,
        home=known.country or home_of(session, profile),
    )


async def _keep_details(
    db: AsyncSession, session: CheckoutSession, details: Details, now: datetime, *, ask_shop: bool
) -> bool:
    """Check and keep the details. Return whether the shop has to be asked for shipping options
    now."""
    checked = await check_details(db, session, details)
    body, express = copy.deepcopy(session.body), session.content.express
    contact.keep(body, checked)
    if body == session.body and session.details_done:
        return False
    session.body = body
    session.notice = None
    order = body["order"]
    shown = {"shipping_address": order["shipping_address"]}
    await events.record(db, session, "SET_SHIPPING_ADDRESS", now, shown)
    if checked.billing is not None:
        await events.record(db, session, "SET_BILLING_ADDRESS", now)
    ask = ask_shop and express.shipping_required and express.shipping_callback_url is not None
    session.details_done = not ask
    if session.content.is_shipping_missing(session.chosen_shipping) and not ask:
        # The first option is chosen, so that the total is never shown without shipping.
        first = shipping.key_of(0, express.shipping_options[0])
        await choose_shipping(db, session, first, now)
    return ask


async def set_shipping_option(
    ctx: Backend,
    session_id: str,
    wanted: str | ShippingOption,
    unmodified_since: str | None = None,
) -> None:
    """Choose one of the session's shipping options, by its key or its description. The order's
    amount follows. InvalidRequest if it is not offered."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_for_payer(ctx, db, session_id, now, unmodified_since)
        key: str | None = wanted if isinstance(wanted, str) else None
        if not isinstance(wanted, str):
            # It must be among those that are offered now, because the shop may have changed them.
            key = shipping.find_key(session.content.express.shipping_options, wanted)
            stands = session.content.order.shipping_option
            if key is None and stands is not None and stands.is_same(wanted):
                return  # the shop has chosen this option itself
        if key is None:
            raise InvalidRequest("there is no such shipping option")
        if key != session.chosen_shipping:
            await choose_shipping(db, session, key, now)


@dataclass(frozen=True, slots=True)
class CardChoice:
    """How much of a card to use (`wanted`, minor units; None for as much as possible), and the
    header `If-Unmodified-Since` of the request."""

    wanted: int | None = None
    unmodified_since: str | None = None


async def add_gift_card(
    ctx: Backend,
    session_id: str,
    number: str,
    pin: str,
    source: str,
    choice: CardChoice | None = None,
) -> None:
    """Add the payer's card by number and PIN. GiftCardRefused with its reason; TooManyAttempts if a
    budget is spent, so that nothing was checked.

    `source` is the payer's address, for the budgets of wrong attempts. If the card was added
    before, only the amount of `choice` changes.
    """
    choice = choice or CardChoice()
    _check_wanted(choice.wanted)
    asker = pin_attempts.payer(ctx, session_id, source)
    number, pin = number.strip()[:MAX_TYPED], pin.strip()[:MAX_TYPED]
    # A repeated call on a spent budget needs no look into the database, because the account is in
    # the id.
    pin_attempts.refuse_again(ctx, session_id.partition(".")[0], asker, number)
    async with ctx.db.reading() as db:
        session = await get_session(db, session_id)
        # If nothing can be changed anyway, no attempt is counted.
        check_open(session, ctx.clock.now(), choice.unmodified_since)
        check_not_locked(ctx, session, ctx.clock.now())
        _check_offered(session)
        account_id = session.account_id
    if not number or not pin:
        raise refused(Refusal.NOT_MATCHED)
    match = await match_number_and_pin(ctx, account_id, number, pin, asker=asker)
    if match is None:
        raise refused(Refusal.NOT_MATCHED)
    await _add(ctx, session_id, match, choice)


def _check_offered(session: CheckoutSession) -> None:
    if not gift_card_offered(allowed=session.gift_card_use, amount=session.amount):
        raise refused(Refusal.NOT_OFFERED)


async def _add(ctx: Backend, session_id: str, match: Match, choice: CardChoice) -> None:
    now, wanted = ctx.clock.now(), choice.wanted
    async with ctx.db.unit_of_work() as db:
        session = await lock_for_payer(ctx, db, session_id, now, choice.unmodified_since)
        # The shop may have changed the order while the PIN was checked.
        _check_offered(session)
        card, token, another = await card_to_add(db, session_id, match.token.id)
        added, before = await gift_card_of(db, session_id) if another else (None, None)
        if added is not None and before is not None and added.card == match.card.id:
            if wanted is not None:
                await _choose(db, session, added, before, wanted, now)
            return
        if added is not None:
            raise refused(Refusal.ALREADY_ADDED)
        if card.pin_version != match.card.pin_version:
            # The card got a new PIN while we checked the old one.
            raise refused(Refusal.NOT_MATCHED)
        if token.single_use and token.used_by is not None:
            raise refused(Refusal.EXPIRED)
        reason = gift_card.refusal(lookup.facts(card), session.currency, now)
        if reason is not None:
            raise refused(reason)
        check_wanted(session, card, wanted, now)
        session.notice = None
        await put_gift_card(
            db, session, card, Addition(preset=False, token_id=token.id, wanted=wanted), now
        )


async def set_gift_card_amount(
    ctx: Backend, session_id: str, wanted: int | None, unmodified_since: str | None = None
) -> None:
    """Choose how much of the card in use pays (minor units). None means as much as possible.

    If it is more than the card or the order has, the choice is kept, and the largest possible
    amount is shown. If either changes, the chosen amount is never exceeded. GiftCardAmountRefused
    if it would leave less to pay than any option takes. InvalidRequest for less than 1 minor unit
    (to use nothing of a card, remove it), and if no card is in use.
    """
    _check_wanted(wanted)
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_for_payer(ctx, db, session_id, now, unmodified_since)
        added, card = await gift_card_of(db, session_id)
        if added is None or card is None:
            text = "no gift card is in use: its number and PIN are needed"
            raise InvalidRequest(text, (FieldError("token", text, "required"),))
        await _choose(db, session, added, card, wanted, now)


async def _choose(
    db: AsyncSession,
    session: CheckoutSession,
    added: SessionGiftCard,
    card: Card,
    wanted: int | None,
    now: datetime,
) -> None:
    if added.wanted == wanted:
        return
    check_wanted(session, card, wanted, now)
    added.wanted = wanted
    session.notice = None
    await db.flush()
    await record_gift_card(db, session, added, card, now)


def check_wanted(session: CheckoutSession, card: Card, wanted: int | None, now: datetime) -> None:
    """Raise GiftCardAmountRefused if the requested amount leaves less to pay than any option takes.
    Without an amount nothing is refused: the card pays as much as it can, as documented, and the
    session says what follows (`remainder`)."""
    if wanted is None:
        return
    judged = judge_share(session, card, now, wanted)
    if judged.too_small:
        text = remainder_text(judged)
        field = (FieldError("amount", text, judged.verdict.value),)
        raise GiftCardAmountRefused(text, field, serialize_remainder(judged))


def _check_wanted(wanted: int | None) -> None:
    if wanted is not None and not gift_card.MIN_AMOUNT <= wanted <= MAX_AMOUNT:
        text = (
            f"must be from {gift_card.MIN_AMOUNT} to {MAX_AMOUNT} minor units;"
            " to use nothing of the gift card, remove it"
        )
        raise InvalidRequest(text, (FieldError("amount", text),))


async def remove_gift_card(
    ctx: Backend, session_id: str, unmodified_since: str | None = None
) -> None:
    """Remove the card from the session. To add it again, the payer needs number and PIN, even for a
    preset card."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        session = await lock_for_payer(ctx, db, session_id, now, unmodified_since)
        added, _ = await gift_card_of(db, session_id)
        if added is not None:
            await db.delete(added)
            await db.flush()
            await events.record(db, session, "SET_GIFT_CARD", now)
