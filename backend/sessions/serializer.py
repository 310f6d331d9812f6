"""Turn a session into Dintero's JSON, as its merchant sees it.

Source: `docs/reference/dintero-api.md#session-object`, `#gift-card-fields`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy import select as select_rows
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.profiles import configuration_of, seller_of
from backend.accounts.tables import Account, Profile
from backend.cards.tables import Card
from backend.core.clock import iso
from backend.core.context import Backend
from backend.core.errors import SessionNotFound
from backend.rules.order import Merchant
from backend.rules.payment_option import STANDALONE, read_switches
from backend.rules.session import SessionState
from backend.sessions import exact
from backend.sessions.details import show_billing
from backend.sessions.load import Whole, get_whole, get_wholes, gift_card_of, remainder_of, share_of
from backend.sessions.own_names import OwnFields, OwnMetadata, without_ours
from backend.sessions.preset import warned
from backend.sessions.publish import shown_publish
from backend.sessions.remainder import serialize_remainder
from backend.sessions.tables import CheckoutSession, SessionEvent, SessionGiftCard

_HEADERS = "events.request_headers"
_EVENT: Sequence[Any] = (
    col(SessionEvent.session_id),
    col(SessionEvent.id),
    col(SessionEvent.name),
    col(SessionEvent.created_at),
    col(SessionEvent.request_id),
    col(SessionEvent.details),
)
Events = Mapping[str, Sequence[Row[Any]]]
"""Events by session, in order. A page of sessions has hundreds of them, so they are bare rows."""


async def read_session(
    ctx: Backend,
    account_id: str,
    session_id: str,
    includes: frozenset[str] = frozenset(),
    *,
    with_events: bool = True,
) -> dict[str, Any]:
    """Return the whole session. SessionNotFound for another account's session too. `with_events`
    says whether its events, of which there can be many, are read and shown."""
    async with ctx.db.reading() as db:
        found = await get_whole(db, session_id)
        if found.session.account_id != account_id:
            raise SessionNotFound("there is no such session")
        headers = _HEADERS in includes
        events = await _events(db, [session_id], headers) if with_events else None
        return await serialize_loaded(db, found, ctx.clock.now(), includes, events=events)


async def serialize_many(
    db: AsyncSession, account_id: str, session_ids: Sequence[str], now: datetime
) -> list[dict[str, Any]]:
    """Return many sessions of one account, each as `read_session` gives it, in the order of their
    ids."""
    if not session_ids:
        return []
    found = await get_wholes(db, account_id, session_ids)
    events = await _events(db, session_ids)
    return [await serialize_loaded(db, one, now, events=events) for one in found]


def as_read(session: CheckoutSession, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body of the session as an answer shows it. A shop may send back what it has read."""
    shown: dict[str, Any] = exact.exact(body)
    if session.express:
        show_billing(shown)
    shown["order"] = exact.order(shown["order"], session.merchant_reference)
    if "express" in shown:
        shown["express"] = exact.express(shown["express"])
    return shown


async def serialize_session(
    db: AsyncSession, session: CheckoutSession, now: datetime
) -> dict[str, Any]:
    """Return the session as it is within this unit of work."""
    events = await _events(db, [session.id])
    whole = Whole(session, *await gift_card_of(db, session.id))
    return await serialize_loaded(db, whole, now, events=events)


async def serialize_loaded(
    db: AsyncSession,
    found: Whole,
    now: datetime,
    includes: frozenset[str] = frozenset(),
    *,
    events: Events | None,
) -> dict[str, Any]:
    """Return a session that was just read, as `read_session` gives it. `events` may have those of
    other sessions too; with None no events are shown."""
    session, added, card = found.session, found.added, found.card
    profile, account = await seller_of(db, session.account_id, session.profile_id)
    published = await shown_publish(db, session)
    # Rows that are older than this rule may still have a request's values under our names.
    shape = as_read(session, without_ours(session.body))
    own: OwnFields = {
        "id": session.id,
        "created_at": iso(session.created_at),
        "updated_at": iso(session.updated_at),
        "payment_operation": "unscheduled_purchase",
    }
    if events is not None:
        headers = _HEADERS in includes
        own["events"] = [_event(event, headers) for event in events.get(session.id, ())]
    if visitor := session.visitor:
        if "customer_ip" in visitor:
            own["customer_ip"] = visitor["customer_ip"]
        if "user_agent" in visitor:
            own["user_agent"] = visitor["user_agent"]
    through = (SessionState.PAID, SessionState.ON_HOLD)
    if session.transaction_id is not None and session.state in through:
        own["transaction_id"] = session.transaction_id
    if session.cancelled_at is not None:
        own["cancelled_at"] = iso(session.cancelled_at)
        if session.cancelled_by is not None:
            own["cancelled_by"] = session.cancelled_by
    if "initiating_system_request_headers" in includes:
        own["initiating_system_request_headers"] = session.initiating_headers
    shape |= own
    shape["expires_at"] = iso(session.expires_at)
    metadata: OwnMetadata = {"session:profile_id": session.profile_id}
    shape["metadata"] = {**(shape.get("metadata") or {}), **metadata}
    _show_gift_card(session, added, card, shape, now)
    if _may_warn(session, added):
        shape |= await warned(db, session, now)
    unable: tuple[str, ...] = ()
    if session.state == SessionState.OPEN:
        judged = remainder_of(session, added, card, now)
        unable = judged.unable
        if judged.too_small:
            shape["remainder"] = serialize_remainder(judged)
    shape["configuration"] = _configuration(session, profile, account, unable)
    if published:
        shape["configuration"]["publish"] = published
    return shape


def _may_warn(session: CheckoutSession, added: SessionGiftCard | None) -> bool:
    """Return whether there can be a warning about a preset card. If gift cards can be used, the
    answer shows the preset card that is in the session."""
    if added is not None:
        return added.preset
    return session.preset_refused is not None or not session.gift_card_use


def _show_gift_card(
    session: CheckoutSession,
    added: SessionGiftCard | None,
    card: Card | None,
    shape: dict[str, Any],
    now: datetime,
) -> None:
    customer = shape.setdefault("customer", {})
    customer.pop("gift_cards", None)
    shape["order"]["gift_cards"] = []
    if added is None or card is None:
        if not customer:
            shape.pop("customer")
        return
    open_ = session.state == SessionState.OPEN
    amount = share_of(session, added, card, now) if open_ else session.gift_card_amount
    masked = {"card_id": card.card_id, "masked_card_token": card.number_mask}
    chosen = {} if added.wanted is None else {"amount": added.wanted}
    customer["gift_cards"] = {"dintero.wallets": [masked | chosen]}
    if amount:
        # Only `customer.gift_cards` names a card that pays nothing as it is now.
        shape["order"]["gift_cards"] = [{"type": "dintero.wallets", **masked, "amount": amount}]


def _configuration(
    session: CheckoutSession, profile: Profile, account: Account, unable: Collection[str]
) -> dict[str, Any]:
    """Return the request's configuration over the profile's, with the state of each option.
    `unable` are the options that do not take an amount as small as what is left to pay."""
    shown: dict[str, Any] = exact.exact(configuration_of(profile, session.content).raw)
    named = dict(read_switches(shown).named)
    for option in [*named, *session.options]:
        on = option in session.options
        # The option is named and switched on, but it is not connected, or cannot stand beside a
        # gift card.
        payability = "payable" if on else "disabled_by_gateway"
        if option in unable:
            payability = "disabled_by_order_amount"
        enabled = on or named.get(option, False)
        product = {"type": "payment_product_type", "enabled": enabled, "payability": payability}
        if option in STANDALONE:
            shown[option] = {**(shown.get(option) or {}), **product}
            continue
        type_, name = option.split(".", 1)
        group = shown[type_] = shown.get(type_) or {"type": "payment_type"}
        group[name] = {**(group.get(name) or {}), **product}
    own = shown.get("dintero")
    if isinstance(own, dict) and isinstance(own.get("zero"), dict):
        payable = "payable" if session.amount == 0 else "disabled_by_order_amount"
        own["zero"] = {**own["zero"], "payability": payable}
    merchant = Merchant.of(account.name, profile.merchant, session.content.merchant)
    said = {"name": merchant.name, "logo_url": merchant.logo_url, "country": merchant.country}
    shown["merchant"] = {
        "id": session.account_id,
        **{key: value for key, value in said.items() if value},
    }
    return exact.configuration(shown)


async def _events(
    db: AsyncSession, session_ids: Sequence[str], with_headers: bool = False
) -> Events:
    """Return the events of these sessions, in order."""
    columns = [*_EVENT, col(SessionEvent.request_headers)] if with_headers else _EVENT
    query: Any = (
        select_rows(*columns)
        .where(col(SessionEvent.session_id).in_(session_ids))
        .order_by(col(SessionEvent.session_id), col(SessionEvent.seq))
    )
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for event in await db.exec(query):
        found[event.session_id].append(event)
    return found


def _event(event: Row[Any], with_headers: bool) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": event.id,
        **exact.event_name(event.name),
        "created_at": iso(event.created_at),
        "request_id": event.request_id,
        "details": exact.exact(event.details),
    }
    if with_headers:
        shape["request_headers"] = event.request_headers
    return shape
