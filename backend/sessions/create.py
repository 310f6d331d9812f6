"""Create a checkout session. Source: `reference/dintero-api.md#2-checkout-sessions`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.clients import Principal
from backend.accounts.profiles import (
    app_schemes,
    connections_of,
    get_profile,
    profile_of,
    with_defaults,
)
from backend.accounts.tables import Account, Profile
from backend.cards import lookup
from backend.cards.tables import Card
from backend.context import Backend
from backend.errors import FieldError, InvalidRequest, NotFound
from backend.ids import scoped_id
from backend.psp.registry import CURRENCIES
from backend.rules import browser_address, gift_card, payment_option
from backend.rules import session as rules
from backend.sessions import events
from backend.sessions.change import check_size
from backend.sessions.load import share_of
from backend.sessions.publish import publish
from backend.sessions.request import SessionRequest
from backend.sessions.tables import CheckoutSession, SessionGiftCard

DEFAULT_PROFILE = "default"
PRESET_FIELD = "customer.gift_cards.dintero.wallets"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the rules leave of a request."""

    express: bool
    gift_card: bool
    options: tuple[str, ...]
    zero: bool


def refuse(field: str, description: str) -> InvalidRequest:
    return InvalidRequest(description, (FieldError(field, description),))


async def create_session(
    ctx: Backend, principal: Principal, request: SessionRequest, origin: events.Request,
    *, strict_amounts: bool = False,
) -> str:  # fmt: skip
    """Make the session and give its id. InvalidRequest names the field that a rule forbids."""
    now = ctx.clock.now()
    body = request.as_body()
    check_size(body)
    _check_order(body["order"], body.get("express") or {}, strict_amounts=strict_amounts)
    lifetime = timedelta(seconds=ctx.settings.session_lifetime)
    expires_at = request.expires_at or now + lifetime
    if expires_at <= now:
        raise refuse("expires_at", "expires_at must be in the future")
    async with ctx.db.unit_of_work() as db:
        profile_id = request.profile_id or DEFAULT_PROFILE
        profile = await get_profile(db, principal.account_id, profile_id)
        _check_return_url(profile, request.url.return_url)
        body = with_defaults(profile, body)
        allowed = decide(ctx, profile, body)
        session = CheckoutSession(
            id=scoped_id(principal.account_id), account_id=principal.account_id,
            profile_id=profile_id, body=body, currency=request.order.currency,
            amount=request.order.amount, express=allowed.express,
            gift_card_use=allowed.gift_card, options=list(allowed.options),
            zero_allowed=allowed.zero, merchant_reference=request.order.merchant_reference,
            details_done=not allowed.express, initiating_headers=dict(origin.headers),
            created_at=now, updated_at=now, expires_at=expires_at,
        )  # fmt: skip
        db.add(session)
        await db.flush()
        await events.record(db, session, "INITIATED", now, request=origin)
        await _preset_gift_card(ctx, db, session, body, now, origin)
        account = await db.get(Account, session.account_id)
        assert account is not None  # a foreign key holds it
        merchant = {"name": account.name, **profile.merchant, **(body.get("merchant") or {})}
        publish(ctx, db, session, str(merchant["name"]), now)
    return session.id


def _check_return_url(profile: Profile, address: str) -> None:
    scheme = browser_address.scheme_of(address)
    if scheme not in browser_address.WEB | app_schemes(profile):
        text = f"the profile's return_url_schemes do not name {scheme!r}"
        raise refuse("url.return_url", text)


def decide(ctx: Backend, profile: Profile, body: Mapping[str, Any]) -> Allowed:
    """Apply the rules of gift cards and options to a request; InvalidRequest where it asks for
    what they forbid."""
    asked = payment_option.read_switches(body.get("configuration") or {})
    given = payment_option.read_switches(profile.configuration)
    express = profile.express or body.get("express") is not None
    try:
        use = rules.gift_card_use(
            express=express, splits=is_divided(body), requested=asked.wallets,
            by_profile=bool(given.wallets),
        )  # fmt: skip
    except rules.GiftCardRuleBroken as broken:
        raise refuse(broken.field, broken.description) from broken
    offered = use is rules.GiftCardUse.OFFERED
    wrong = payment_option.unsupported_with_gift_card(asked.named) if offered else ()
    if wrong:
        raise InvalidRequest(
            "dintero.wallets cannot be enabled together with " + ", ".join(wrong),
            tuple(
                FieldError(f"configuration.{name}", f"{name} is not supported with gift cards")
                for name in wrong
            ),
        )
    options = payment_option.offered(
        asked, given, connections_of(ctx, profile), gift_card=offered,
        currency=body["order"]["currency"], currencies=CURRENCIES,
    )  # fmt: skip
    zero = asked.zero if asked.zero is not None else bool(given.zero)
    return Allowed(express, offered, options, zero)


def is_divided(body: Mapping[str, Any]) -> bool:
    """Whether there are splits: in the order, or in a shipping option that can be chosen."""
    return rules.has_splits(body["order"]) or any(
        rules.has_splits({"shipping_option": option})
        for option in (body.get("express") or {}).get("shipping_options") or []
    )


async def decide_anew(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, body: Mapping[str, Any]
) -> None:
    """As `decide`, for the session with this body from now on."""
    profile = await profile_of(db, session.account_id, session.profile_id)
    allowed = decide(ctx, profile, body)
    session.gift_card_use, session.options = allowed.gift_card, list(allowed.options)


def check_lines(order: Mapping[str, Any]) -> None:
    """InvalidRequest where two items bear one `line_id`."""
    lines = [i["line_id"] for i in order.get("items") or [] if i.get("line_id") is not None]
    if len(lines) != len(set(lines)):
        raise refuse("order.items", "line_id must be unique among the items")


def _check_order(
    order: dict[str, Any], express: Mapping[str, Any], *, strict_amounts: bool
) -> None:
    items = order.get("items") or []
    check_lines(order)
    option = order.get("shipping_option")
    if strict_amounts:
        amounts = rules.Amounts(
            order["amount"], rules.items_sum(items), int(option["amount"]) if option else 0
        )
        broken = rules.sum_rule_broken(amounts, partial_payment=bool(order.get("partial_payment")))
        if broken:
            raise refuse("order.amount", broken)
    if option and int(option["amount"]) > order["amount"]:
        raise refuse("order.shipping_option.amount", "the shipping option exceeds order.amount")


async def _preset_gift_card(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, body: Mapping[str, Any],
    now: datetime, origin: events.Request,
) -> None:  # fmt: skip
    """Add the card that the merchant presets: no PIN, the payer is known to the merchant."""
    cards = ((body.get("customer") or {}).get("gift_cards") or {}).get("dintero.wallets") or []
    if not cards:
        return
    if not session.gift_card_use:
        raise refuse(PRESET_FIELD, "a preset gift card needs dintero.wallets enabled")
    try:
        card = await lookup.get_card(db, session.account_id, cards[0]["card_id"])
    except NotFound as error:
        raise refuse(f"{PRESET_FIELD}.0.card_id", "there is no such gift card") from error
    refusal = gift_card.refusal(lookup.facts(card), session.currency, now)
    if refusal is not None:
        raise refuse(f"{PRESET_FIELD}.0.card_id", f"this gift card cannot be used: {refusal}")
    await put_gift_card(
        db, session, card, preset=True, now=now, origin=origin, wanted=cards[0].get("amount")
    )


async def put_gift_card(
    db: AsyncSession, session: CheckoutSession, card: Card, *, preset: bool, now: datetime,
    origin: events.Request | None = None, token_id: str | None = None, wanted: int | None = None,
) -> None:  # fmt: skip
    """Add a card whose right to be used was checked. Nothing is reserved: that is for Pay.
    `wanted`: how much of it is to be used, None for as much as can be."""
    stale = await db.get(SessionGiftCard, session.id)
    if stale is not None:
        await db.delete(stale)
        await db.flush()
    added = SessionGiftCard(
        session_id=session.id, card=card.id, preset=preset, pin_version=card.pin_version,
        token_id=token_id, wanted=wanted, added_at=now,
    )  # fmt: skip
    db.add(added)
    await db.flush()
    await record_gift_card(db, session, added, card, now, origin)


async def record_gift_card(
    db: AsyncSession, session: CheckoutSession, added: SessionGiftCard, card: Card, now: datetime,
    origin: events.Request | None = None,
) -> None:  # fmt: skip
    """The event of a card that was added, or of which another amount was chosen."""
    shown = {
        "card_id": card.card_id,
        "card_amount": share_of(session, added, card, now),
        "masked_card_token": card.number_mask,
        "currency": card.currency,
    }
    await events.record(db, session, "SET_GIFT_CARD", now, {"gift_card": shown}, origin)
