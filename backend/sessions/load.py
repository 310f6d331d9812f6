"""Load a session for reading, or locked for a change."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import lookup
from backend.cards.tables import Card
from backend.errors import PaymentInProgress, SessionClosed, SessionNotFound
from backend.rules import gift_card
from backend.rules.money import Money
from backend.rules.session import SessionState, is_expired
from backend.sessions.tables import CheckoutSession, SessionGiftCard


async def get_session(db: AsyncSession, session_id: str) -> CheckoutSession:
    session = await db.get(CheckoutSession, session_id)
    if session is None:
        raise SessionNotFound("there is no such session")
    return session


async def lock_session(db: AsyncSession, session_id: str) -> CheckoutSession:
    """The session's row, locked until the unit of work ends. Always before its transaction's and
    its card's."""
    query = select(CheckoutSession).where(CheckoutSession.id == session_id).with_for_update()
    query = query.execution_options(populate_existing=True)
    session = (await db.exec(query)).one_or_none()
    if session is None:
        raise SessionNotFound("there is no such session")
    return session


async def lock_open(db: AsyncSession, session_id: str, now: datetime) -> CheckoutSession:
    """As `lock_session`, and only where the payer may change something. SessionClosed where it is
    paid, cancelled or expired; PaymentInProgress while a payment is under way."""
    session = await lock_session(db, session_id)
    if session.state == SessionState.PAYING:
        raise PaymentInProgress("a payment of this session is under way")
    if session.state != SessionState.OPEN or is_expired(session.expires_at, now):
        raise SessionClosed("this session is closed")
    return session


async def gift_card_of(
    db: AsyncSession, session_id: str
) -> tuple[SessionGiftCard, Card] | tuple[None, None]:
    """The session's gift card, as added and as it stands."""
    added = await db.get(SessionGiftCard, session_id, populate_existing=True)
    if added is None:
        return None, None
    card = await db.get(Card, added.card, populate_existing=True)
    assert card is not None  # a foreign key holds it
    return added, card


def share_of(session: CheckoutSession, card: Card | None, now: datetime) -> int:
    """What the card would pay of the order now, minor units; 0 where it cannot be used any more."""
    if card is None or gift_card.refusal(lookup.facts(card), session.currency, now) is not None:
        return 0
    available = Money(card.available, card.currency)
    return gift_card.share(available, Money(session.amount, session.currency)).amount
