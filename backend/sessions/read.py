"""What the payer sees of a session. See `backend.sessions.view`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import load_only
from sqlmodel import col, select

from backend.accounts.profiles import configuration_of, seller_of
from backend.accounts.tables import Account, Profile
from backend.cards import lookup
from backend.cards.formats import payer_mask
from backend.cards.tables import Card
from backend.core.clock import iso
from backend.core.context import Backend
from backend.rules import gift_card
from backend.rules.money import Money
from backend.rules.order import Address, Item, Merchant, SessionConfiguration
from backend.rules.payment_option import may_push
from backend.rules.remainder import Remainder, Sums, judge
from backend.rules.session import SessionState, gift_card_offered, is_expired
from backend.rules.session_body import Checkbox, Express, SessionBody
from backend.sessions.details import (
    address_view,
    countries_of,
)
from backend.sessions.gift_cards import OpenPayment, open_elsewhere
from backend.sessions.images import shown_image
from backend.sessions.links import return_link
from backend.sessions.load import (
    get_whole,
    is_locked,
    lock_end,
    maximum_of,
    minimums_of_session,
    share_of,
)
from backend.sessions.paying import obstacle_to_pay
from backend.sessions.phones import payer_phone
from backend.sessions.shipping import key_of
from backend.sessions.tables import CheckoutSession, DeviceHandoff, SessionGiftCard
from backend.sessions.view import (
    AddressView,
    CheckboxView,
    CheckoutView,
    GiftCardView,
    LineView,
    Notice,
    OptionView,
    PageState,
    ShippingOptionView,
)

_THROUGH = (PageState.PAID, PageState.ON_HOLD)
"""States in which the payer has nothing left to do and goes back to the shop with the transaction's
id."""
MARKS_AT_ONCE = 500
_MARKED: tuple[Any, ...] = (
    CheckoutSession.id,
    CheckoutSession.version,
    CheckoutSession.state,
    CheckoutSession.expires_at,
    CheckoutSession.pay_lock_id,
    CheckoutSession.pay_locked_at,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """The values that show an open page that its session has changed."""

    version: int
    state: PageState
    locked: bool
    on_hold: int = 0
    """How much (minor units) payments hold of the gift card of an open session. A payment elsewhere
    may hold it, and its end changes no version of this session."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A mark as it was read. `card` is the key of the session's gift card. At `ends_at` the mark
    changes though nobody writes anything: the session expires, or its lock ends."""

    mark: Mark
    card: str | None
    ends_at: datetime | None


async def read_marks(ctx: Backend, session_ids: Sequence[str]) -> dict[str, Marked]:
    """Return the marks of those sessions that exist, as they are now. It takes one statement for
    each MARKS_AT_ONCE sessions."""
    marks: dict[str, Marked] = {}
    for start in range(0, len(session_ids), MARKS_AT_ONCE):
        wanted = col(CheckoutSession.id).in_(session_ids[start : start + MARKS_AT_ONCE])
        query = (
            select(CheckoutSession, Card.id, Card.held)
            .join(
                SessionGiftCard,
                col(SessionGiftCard.session_id) == col(CheckoutSession.id),
                isouter=True,
            )
            .join(Card, col(Card.id) == col(SessionGiftCard.card), isouter=True)
            .where(wanted)
            .options(load_only(*_MARKED, raiseload=True))
        )
        async with ctx.db.reading() as db:
            for session, card, held in await db.exec(query):
                marks[session.id] = _marked(ctx, session, card, held)
    return marks


def _marked(ctx: Backend, session: CheckoutSession, card: str | None, held: int | None) -> Marked:
    locked = is_locked(ctx, session, ctx.clock.now())
    state = page_state(ctx, session)
    is_open = state is PageState.OPEN
    mark = Mark(session.version, state, locked, (held or 0) if is_open else 0)
    ends = [session.expires_at] if is_open else []
    if locked and session.pay_locked_at is not None:
        ends.append(lock_end(ctx, session.pay_locked_at))
    return Marked(mark, card, min(ends, default=None))


async def read_view(ctx: Backend, session_id: str) -> CheckoutView:
    """Return all that the page shows, as it is now. SessionNotFound."""
    async with ctx.db.reading() as db:
        found = await get_whole(db, session_id)
        session, added, card = found.session, found.added, found.card
        profile, account = await seller_of(db, session.account_id, session.profile_id)
        handover = await db.get(DeviceHandoff, session_id)
        held: tuple[OpenPayment, ...] = ()
        if card is not None and session.state == SessionState.OPEN:
            held = tuple(await open_elsewhere(db, card, session_id))
    shown_card = _gift_card(ctx, session, added, card, held)
    return _view(ctx, session, shown_card, profile, account, handover)


def page_state(ctx: Backend, session: CheckoutSession) -> PageState:
    state = PageState(session.state)
    if state is PageState.OPEN and is_expired(session.expires_at, ctx.clock.now()):
        return PageState.EXPIRED
    return state


def _view(
    ctx: Backend,
    session: CheckoutSession,
    shown_card: GiftCardView | None,
    profile: Profile,
    account: Account,
    handover: DeviceHandoff | None,
) -> CheckoutView:
    body = session.content
    order, express, customer = body.order, body.express, body.customer
    configuration = configuration_of(profile, body)
    merchant = Merchant.of(account.name, profile.merchant, body.merchant)
    address = next(iter(order.addresses), Address())
    countries, preferred = countries_of(configuration, session.currency, merchant)
    state = page_state(ctx, session)
    to_pay = session.amount - (shown_card.amount if shown_card else 0)
    judged = _remainder(session, shown_card)
    options = _options(session, configuration, judged) if to_pay > 0 else ()
    shipping = order.shipping_option
    # If the shop has chosen an option itself, the payer has no choice.
    fixed = body.is_shipping_fixed(session.chosen_shipping)
    choices = () if fixed else _shipping_options(session, express)
    return CheckoutView(
        session_id=session.id,
        state=state,
        version=session.version,
        merchant_name=merchant.name,
        merchant_logo_url=shown_image(merchant.logo_url, ctx.settings.base_url),
        merchant_terms_url=body.urls.merchant_terms_url,
        theme=dict(configuration.theme),
        language=configuration.language,
        test_mode=session.account_id.startswith("T"),
        currency=session.currency,
        order_amount=session.amount,
        vat_amount=order.vat_amount,
        shipping_amount=shipping.amount if shipping else None,
        shipping_title=shipping.title if shipping else None,
        lines=tuple(_line(i, item, ctx.settings.base_url) for i, item in enumerate(order.items)),
        express=session.express,
        shipping_required=express.shipping_required,
        billing_allowed=body.separate_billing(configuration),
        details_done=session.details_done,
        email=customer.email or address.email,
        phone_number=customer.phone_number or address.phone_number,
        shipping_address=address_view(address),
        billing_address=_own_billing(body),
        countries=countries,
        preferred_country=preferred,
        shipping_options=choices,
        gift_card_offered=gift_card_offered(allowed=session.gift_card_use, amount=session.amount),
        gift_card=shown_card,
        remainder=judged,
        to_pay=to_pay,
        options=options,
        payable=obstacle_to_pay(session, judged, is_open=state is PageState.OPEN) is None,
        notice=Notice(session.notice) if session.notice else None,
        redirect_url=session.redirect_url if state is PageState.PAYING else None,
        app_code=session.app_code if state is PageState.PAYING else None,
        transaction_id=session.transaction_id if state in _THROUGH else None,
        leave_url=leave_url(session, state),
        allowed_frame_ancestors=tuple(profile.frame_ancestors),
        locked=is_locked(ctx, session, ctx.clock.now()),
        discounts_offered=express.discount_callback_url is not None,
        discount_codes=order.discount_codes,
        pushed_to=payer_phone(session.pushed_to) if session.pushed_to else None,
        pushed_with=session.pushed_with,
        checkboxes=tuple(map(_checkbox, body.checkboxes)),
        stays=stays(configuration),
        handed_over=handover is not None and handover.arrived_at is not None,
    )


def _own_billing(body: SessionBody) -> AddressView | None:
    """Return the billing address if it differs from the shipping address."""
    if body.order.shipping_address is not None and body.has_own_billing:
        return address_view(body.order.billing_address)
    return None


def _remainder(session: CheckoutSession, card: GiftCardView | None) -> Remainder:
    share, maximum = (card.amount, card.maximum) if card else (0, 0)
    # A closed session shows what it was, even if the order was smaller than the card's part.
    maximum = min(maximum, session.amount)
    return judge(Sums(session.amount, min(share, maximum), maximum), minimums_of_session(session))


def _options(
    session: CheckoutSession, configuration: SessionConfiguration, judged: Remainder
) -> tuple[OptionView, ...]:
    """Return the option that is chosen when the page loads. One that is not offered is passed
    over."""
    wanted = configuration.default_payment_type
    ordered = sorted(session.options, key=lambda option: option != wanted)
    minimums = minimums_of_session(session)
    return tuple(
        OptionView(
            option,
            pushes=may_push(option, gift_card=session.gift_card_use),
            minimum=minimums[option],
            payable=option in judged.able,
        )
        for option in ordered
    )


def stays(configuration: SessionConfiguration) -> bool:
    """Return whether a payer who sees the payment succeed stays on the receipt. See
    docs/profiles.md."""
    return configuration.receipt.show is True


def leave_url(session: CheckoutSession, state: PageState) -> str:
    """Return the address to which the payer leaves: after paying, or without paying."""
    through = state in _THROUGH
    error = None if through else _why_unpaid(session, state)
    transaction = session.transaction_id if through else None
    return return_link(
        session.content.urls.return_url, session.merchant_reference, transaction, error
    )


def _why_unpaid(session: CheckoutSession, state: PageState) -> str:
    """Return `failed` if the payer gave up after a declined payment, else `cancelled`."""
    gave_up = state is PageState.CANCELLED and session.cancelled_by == "payer"
    return "failed" if gave_up and session.notice == Notice.DECLINED else "cancelled"


def _line(index: int, item: Item, base_url: str) -> LineView:
    return LineView(
        line_id=item.line_id or str(index),
        description=item.name,
        quantity=item.shown_quantity,
        amount=item.amount,
        vat=item.shown_vat,
        thumbnail_url=shown_image(item.thumbnail_url, base_url),
    )


def _shipping_options(session: CheckoutSession, express: Express) -> tuple[ShippingOptionView, ...]:
    return tuple(
        ShippingOptionView(
            key=key_of(index, option),
            title=option.title,
            description=option.description,
            operator=option.operator or "",
            amount=option.amount,
            selected=key_of(index, option) == session.chosen_shipping,
        )
        for index, option in enumerate(express.shipping_options)
    )


def _gift_card(
    ctx: Backend,
    session: CheckoutSession,
    added: SessionGiftCard | None,
    card: Card | None,
    elsewhere: tuple[OpenPayment, ...],
) -> GiftCardView | None:
    if added is None or card is None:
        return None
    now = ctx.clock.now()
    if session.state == SessionState.OPEN:
        amount, maximum = share_of(session, added, card, now), maximum_of(session, card, now)
        left = card.available - amount
    else:
        # After Pay, the amount that was held counts, and not what the card could pay now.
        amount = maximum = session.gift_card_amount
        left = card.available
    ends = gift_card.ending(card.expires_at, now)
    held = _missed(session, added, card, now, elsewhere)
    return GiftCardView(
        masked_number=payer_mask(card.number_last4),
        amount=amount,
        left=left,
        preset=added.preset,
        expires_at=iso(card.expires_at) if card.expires_at else None,
        maximum=maximum,
        wanted=added.wanted,
        ending=ends.value if ends else None,
        # If nothing else can pay the rest, choosing less would be a dead end. Undoing such a choice
        # is allowed.
        adjustable=maximum > gift_card.MIN_AMOUNT
        and (bool(session.options) or added.wanted is not None),
        held=held,
        on_hold=card.held,
        reclaimable=held > 0
        and card.pin_hash is not None
        and any(payment.payer_left for payment in elsewhere),
    )


def _missed(
    session: CheckoutSession,
    added: SessionGiftCard,
    card: Card,
    now: datetime,
    elsewhere: tuple[OpenPayment, ...],
) -> int:
    """Return how much (minor units) is held elsewhere of a card that would pay more here without
    that."""
    held = sum(payment.amount for payment in elsewhere)
    facts = replace(lookup.facts(card), available=card.available + held)
    if not held or gift_card.refusal(facts, session.currency, now) is not None:
        return 0
    order = Money(session.amount, session.currency)
    could_pay = gift_card.share(Money(facts.available, card.currency), order, added.wanted)
    return held if could_pay.amount > share_of(session, added, card, now) else 0


def _checkbox(box: Checkbox) -> CheckboxView:
    return CheckboxView(
        id=box.id,
        label=box.label,
        required=box.required,
        checked=box.checked,
        link_url=box.link_url,
        link_text=box.link_text,
    )
