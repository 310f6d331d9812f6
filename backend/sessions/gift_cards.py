"""The gift card of a session: put it there, record it, and find what holds it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.tables import Card
from backend.rules.session import SessionState
from backend.sessions import events
from backend.sessions.load import share_of
from backend.sessions.tables import CheckoutSession, SessionGiftCard

_UNDECIDED = (SessionState.PAYING.value, SessionState.ON_HOLD.value)


@dataclass(frozen=True, slots=True)
class OpenPayment:
    """A payment of another session that holds `amount` (minor units) of a card, and may still come
    to nothing. `payer_left`: its payer can end it; a provider that looks into it cannot be asked
    to."""

    session_id: str
    transaction_id: str | None
    amount: int
    payer_left: bool


async def open_elsewhere(db: AsyncSession, card: Card, session_id: str) -> list[OpenPayment]:
    """The payments of other sessions that hold this card and have not been decided. Payments that
    are authorized do not count: they hold the card for an order that was placed."""
    if not card.held:
        return []
    query = (
        select(
            CheckoutSession.id,
            CheckoutSession.transaction_id,
            CheckoutSession.gift_card_amount,
            CheckoutSession.state,
        )
        .join(SessionGiftCard, col(SessionGiftCard.session_id) == col(CheckoutSession.id))
        .where(
            SessionGiftCard.card == card.id,
            col(CheckoutSession.state).in_(_UNDECIDED),
            CheckoutSession.gift_card_amount > 0,
            CheckoutSession.id != session_id,
        )
        .order_by(col(CheckoutSession.id))
    )
    return [
        OpenPayment(id_, transaction_id, amount, state == SessionState.PAYING)
        for id_, transaction_id, amount, state in await db.exec(query)
    ]


async def put_gift_card(
    db: AsyncSession, session: CheckoutSession, card: Card, *, preset: bool, now: datetime,
    origin: events.Request | None = None, token_id: str | None = None, wanted: int | None = None,
    more: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Add a card whose right to be used was checked. Nothing is reserved: that is for Pay.
    `wanted`: how much of it is to be used, None for as much as can be. `more`: what the event says
    besides."""
    stale = await db.get(SessionGiftCard, session.id)
    if stale is not None:
        await db.delete(stale)
        await db.flush()
    session.preset_refused = None
    added = SessionGiftCard(
        session_id=session.id, card=card.id, preset=preset, pin_version=card.pin_version,
        token_id=token_id, wanted=wanted, added_at=now,
    )  # fmt: skip
    db.add(added)
    await db.flush()
    details = gift_card_details(session, added, card, now) | dict(more or {})
    await events.record(db, session, "SET_GIFT_CARD", now, details, origin)


async def record_gift_card(
    db: AsyncSession, session: CheckoutSession, added: SessionGiftCard, card: Card, now: datetime
) -> None:
    """The event of a card of which another amount was chosen, or which was taken back."""
    details = gift_card_details(session, added, card, now)
    await events.record(db, session, "SET_GIFT_CARD", now, details)


def gift_card_details(
    session: CheckoutSession, added: SessionGiftCard, card: Card, now: datetime
) -> dict[str, Any]:
    """What the event `SET_GIFT_CARD` says of a card. `card_amount` in minor units."""
    shown = {
        "card_id": card.card_id,
        "card_amount": share_of(session, added, card, now) if session.gift_card_use else 0,
        "masked_card_token": card.number_mask,
        "currency": card.currency,
    }
    return {"gift_card": shown}
