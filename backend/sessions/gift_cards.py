"""The gift card of a session: add it, record it, and find what holds it elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
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
    """A payment of another session that holds `amount` (minor units) of a card and may still fail.
    `payer_left` says that its payer has left it open, so that it can be ended. Otherwise the
    provider is looking into it, and nobody can end it."""

    session_id: str
    transaction_id: str | None
    amount: int
    payer_left: bool


async def open_elsewhere(db: AsyncSession, card: Card, session_id: str) -> list[OpenPayment]:
    """Return the payments of other sessions that hold this card and are not decided. Authorized
    payments do not count, since they hold the card for an order that was placed."""
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


@dataclass(frozen=True, slots=True)
class Addition:
    """How a card is added. `wanted` is how much of it to use (minor units), None for as much as
    possible. `more` is added to the event."""

    preset: bool
    token_id: str | None = None
    wanted: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


async def put_gift_card(
    db: AsyncSession,
    session: CheckoutSession,
    card: Card,
    addition: Addition,
    now: datetime,
    origin: events.Request | None = None,
) -> None:
    """Add a card that the caller has checked. Nothing is held before Pay."""
    session.preset_refused = None
    kept = {
        "card": card.id,
        "preset": addition.preset,
        "pin_version": card.pin_version,
        "token_id": addition.token_id,
        "wanted": addition.wanted,
        "added_at": now,
    }
    dialect = postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
    # A card that does not count any more may still be in the row. It is replaced.
    write = dialect.insert(SessionGiftCard).values(session_id=session.id, **kept)
    write = write.on_conflict_do_update(index_elements=["session_id"], set_=kept)
    with db.no_autoflush:
        added = (
            await db.exec(
                write.returning(SessionGiftCard).execution_options(populate_existing=True)
            )
        ).scalar_one()
    details = gift_card_details(session, added, card, now) | dict(addition.more)
    await events.record(db, session, "SET_GIFT_CARD", now, details, origin)


async def record_gift_card(
    db: AsyncSession, session: CheckoutSession, added: SessionGiftCard, card: Card, now: datetime
) -> None:
    """Record that another amount of the card was chosen, or that the card was reclaimed."""
    details = gift_card_details(session, added, card, now)
    await events.record(db, session, "SET_GIFT_CARD", now, details)


def gift_card_details(
    session: CheckoutSession, added: SessionGiftCard, card: Card, now: datetime
) -> dict[str, Any]:
    """Return what the event `SET_GIFT_CARD` says about a card. `card_amount` is in minor units."""
    shown = {
        "card_id": card.card_id,
        "card_amount": share_of(session, added, card, now) if session.gift_card_use else 0,
        "masked_card_token": card.number_mask,
        "currency": card.currency,
    }
    return {"gift_card": shown}
