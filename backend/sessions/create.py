"""Create a checkout session. Source: `docs/reference/dintero-api.md#checkout-sessions`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.clients import Principal
from backend.accounts.profiles import (
    app_schemes,
    configuration_of,
    connections_of,
    get_profile,
    profile_of,
    with_defaults,
)
from backend.accounts.tables import Profile
from backend.core.context import Backend
from backend.core.errors import FieldError, InvalidRequest
from backend.core.ids import scoped_id
from backend.psp.registry import CURRENCIES, minimum_of
from backend.rules import browser_address, payment_option
from backend.rules import session as rules
from backend.rules.account_mode import takes_real_money, wrong_mode
from backend.rules.order import Order
from backend.rules.session_body import SessionBody
from backend.sessions import events, shipping
from backend.sessions.details import countries_of
from backend.sessions.merchant import merchant_of
from backend.sessions.order_changes import check_size
from backend.sessions.preset import preset_gift_card
from backend.sessions.publish import publish
from backend.sessions.request import SessionRequest
from backend.sessions.tables import CheckoutSession

DEFAULT_PROFILE = "default"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the rules leave of a request."""

    express: bool
    gift_card: bool
    options: tuple[str, ...]
    minimums: dict[str, int]
    zero: bool


@dataclass(frozen=True, slots=True)
class Strict:
    """What `Dintero-Feature-Toggles` asks us to refuse: `amounts` that do not sum up, or a preset
    `gift_card` that cannot be used."""

    amounts: bool = False
    gift_card: bool = False


LENIENT = Strict()


def refuse(field: str, description: str) -> InvalidRequest:
    return InvalidRequest(description, (FieldError(field, description),))


async def create_session(
    ctx: Backend,
    principal: Principal,
    request: SessionRequest,
    origin: events.Request,
    *,
    strict: Strict = LENIENT,
) -> str:
    """Create the session and return its id. InvalidRequest names the field that a rule forbids;
    GiftCardRefused if `strict` covers the preset card and it cannot be used."""
    now = ctx.clock.now()
    body = request.as_body()
    check_size(body)
    _check_order(Order.read(body["order"]), strict_amounts=strict.amounts)
    lifetime = timedelta(seconds=ctx.settings.session_lifetime)
    expires_at = request.expires_at or now + lifetime
    if expires_at <= now:
        raise refuse("expires_at", "expires_at must be in the future")
    async with ctx.db.unit_of_work() as db:
        profile_id = request.profile_id or DEFAULT_PROFILE
        profile = await get_profile(db, principal.account_id, profile_id)
        _check_return_url(profile, request.url.return_url)
        body = with_defaults(profile, body)
        content = SessionBody.read(body)
        allowed = decide(ctx, profile, content)
        _check_countries(profile, content, express=allowed.express)
        option = content.order.shipping_option
        session = CheckoutSession(
            id=scoped_id(principal.account_id),
            account_id=principal.account_id,
            profile_id=profile_id,
            body=body,
            currency=request.order.currency,
            amount=request.order.amount,
            express=allowed.express,
            gift_card_use=allowed.gift_card,
            options=list(allowed.options),
            minimums=allowed.minimums,
            zero_allowed=allowed.zero,
            merchant_reference=request.order.merchant_reference,
            chosen_shipping=(
                shipping.find_key(content.express.shipping_options, option) if option else None
            ),
            details_done=not allowed.express,
            initiating_headers=dict(origin.headers),
            created_at=now,
            updated_at=now,
            expires_at=expires_at,
        )
        db.add(session)
        events.touch(session, now)
        await db.flush()
        await events.record_unseen(db, session, "INITIATED", now, request=origin)
        await preset_gift_card(db, session, now, origin, strict=strict.gift_card)
        await publish(ctx, db, session, (await merchant_of(db, session)).name, now)
    return session.id


def _check_return_url(profile: Profile, address: str) -> None:
    scheme = browser_address.scheme_of(address)
    if scheme not in browser_address.WEB | app_schemes(profile):
        text = f"the profile's return_url_schemes do not name {scheme!r}"
        raise refuse("url.return_url", text)


def _check_countries(profile: Profile, body: SessionBody, *, express: bool) -> None:
    """Raise InvalidRequest if the payer is asked for an address and no country is allowed in it.
    Such a session could never be paid."""
    if not (express and body.express.shipping_required):
        return
    configuration = configuration_of(profile, body)
    if not countries_of(configuration, body.order.currency, None)[0]:
        text = "no country is left: name at least one whose addresses are known, such as NO"
        raise refuse("configuration.countries", text)


def decide(ctx: Backend, profile: Profile, body: SessionBody) -> Allowed:
    """Apply the rules for gift cards and options to a request. InvalidRequest if it asks for what
    they forbid."""
    asked = body.configuration.switches
    given = payment_option.read_switches(profile.configuration)
    express = profile.express or body.express.given
    try:
        use = rules.gift_card_use(
            express=express,
            splits=body.is_divided,
            requested=asked.wallets,
            by_profile=bool(given.wallets),
        )
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
        asked,
        given,
        _fitting(ctx, profile),
        gift_card=offered,
        currency=body.order.currency,
        currencies=CURRENCIES,
    )
    zero = asked.zero if asked.zero is not None else bool(given.zero)
    minimums = minimums_of(profile, options, body.order.currency)
    return Allowed(express, offered, options, minimums, zero)


def _fitting(ctx: Backend, profile: Profile) -> list[str]:
    """Return the options that are connected. An account for real money has none for test money,
    even if an older profile connects one: nobody would pay for the order."""
    connected = connections_of(ctx, profile)
    if not takes_real_money(profile.account_id):
        return list(connected)
    return [o for o, known in connected.items() if not wrong_mode(profile.account_id, o, known)]


def minimums_of(profile: Profile, options: Iterable[str], currency: str) -> dict[str, int]:
    """Return the smallest amount (minor units of `currency`) that each option takes: the profile's
    (`minimum_amounts`), else the one that its provider publishes."""
    said = profile.extra.get("minimum_amounts")
    own = said if isinstance(said, Mapping) else {}
    return {option: _minimum(own.get(option), option, currency) for option in options}


def _minimum(said: object, option: str, currency: str) -> int:
    """Return the smallest amount of one option. A profile that is older than `minimum_amounts` may
    have anything under that name."""
    amount = said.get(currency) if isinstance(said, Mapping) else None
    if isinstance(amount, int) and not isinstance(amount, bool) and amount > 0:
        return amount
    return minimum_of(option, currency)


async def decide_anew(
    ctx: Backend, db: AsyncSession, session: CheckoutSession, body: SessionBody
) -> None:
    """Do what `decide` does, for the session with this body from now on."""
    profile = await profile_of(db, session.account_id, session.profile_id)
    allowed = decide(ctx, profile, body)
    session.gift_card_use, session.options = allowed.gift_card, list(allowed.options)
    session.minimums = allowed.minimums


def check_lines(order: Order) -> None:
    """Raise InvalidRequest if two items have the same `line_id`."""
    lines = [item.line_id for item in order.items if item.line_id is not None]
    if len(lines) != len(set(lines)):
        raise refuse("order.items", "line_id must be unique among the items")


def _check_order(order: Order, *, strict_amounts: bool) -> None:
    check_lines(order)
    broken = rules.sum_rule_broken(order) if strict_amounts else None
    if broken:
        raise refuse("order.amount", broken)
    if order.shipping_amount > order.amount:
        raise refuse("order.shipping_option.amount", "the shipping option exceeds order.amount")
