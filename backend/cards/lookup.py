"""Find a card by the merchant's own id, or by its number. With a PIN: `cards.pin_check`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.tables import Card, CardToken
from backend.cards.tokens import is_expired
from backend.core.context import Backend
from backend.core.errors import NotFound
from backend.rules.gift_card import CardFacts


async def get_card(db: AsyncSession, account_id: str, card_id: str) -> Card:
    """Return the card with the merchant's own `card_id`. NotFound for another account's card
    too."""
    query = select(Card).where(Card.account_id == account_id, Card.card_id == card_id)
    card = (await db.exec(query)).one_or_none()
    if card is None or card.deleted_at is not None:
        raise NotFound("no such card")
    return card


@dataclass(frozen=True, slots=True)
class Match:
    """A card, and the number or temporary token by which it was found."""

    card: Card
    token: CardToken


async def find_number(
    ctx: Backend, db: AsyncSession, account_id: str, number: str, *, expired_too: bool = False
) -> Match | None:
    """Find a card by its number or a temporary token. Return None if it is unknown or has expired.
    With `expired_too`, expired ones are found."""
    query = (
        select(Card, CardToken)
        .join(CardToken, col(CardToken.card) == col(Card.id))
        .where(CardToken.number_hash == ctx.vault.number_hash(account_id, number))
    )
    found = (await db.exec(query)).one_or_none()
    if found is None or found[0].deleted_at is not None:
        return None
    if not expired_too and is_expired(found[1], ctx.clock.now()):
        return None
    return Match(*found)


async def match_of(db: AsyncSession, card: Card) -> Match:
    """Return the match for a card that is known already, by its own number, even if that has
    expired."""
    query = select(CardToken).where(CardToken.card == card.id, col(CardToken.ref_id).is_(None))
    return Match(card, (await db.exec(query)).one())


async def get_by_number(ctx: Backend, db: AsyncSession, account_id: str, number: str) -> Card:
    """Return a card by its number alone. This is for the merchant's API, never for a payer."""
    match = await find_number(ctx, db, account_id, number)
    if match is None:
        raise NotFound("no such card")
    return match.card


def facts(card: Card) -> CardFacts:
    """Return a row as the rules need it."""
    return CardFacts(
        available=card.available,
        currency=card.currency,
        active=card.active,
        active_from=card.active_from,
        expires_at=card.expires_at,
        deleted=card.deleted_at is not None,
        held=card.held,
        drawn=card.drawn,
    )


def valid_rows(now: datetime) -> ColumnElement[bool]:
    """Select the cards whose money can be used at `now` or later, as `rules.gift_card.is_valid`
    says."""
    ends = col(Card.expires_at)
    return and_(
        col(Card.deleted_at).is_(None),
        col(Card.active).is_(True),
        or_(ends.is_(None), ends > now),
    )
