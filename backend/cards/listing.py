"""Lists of cards. Source: `docs/reference/dintero-api.md#card-endpoints`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.lookup import facts, get_card, valid_rows
from backend.cards.tables import Card
from backend.core.errors import FieldError, InvalidRequest, NotFound
from backend.core.paging import after, newest_first
from backend.rules import gift_card


@dataclass(frozen=True, slots=True)
class CardFilter:
    """Which cards to list. `available_*` are in minor units. `starting_after` is the `id` of the
    last card seen."""

    account_id: str
    limit: int
    starting_after: str | None = None
    available: int | None = None
    available_gte: int | None = None
    available_lte: int | None = None
    include_deleted: bool = False
    customer_id: str | None = None
    usable_at: datetime | None = None
    """Only active cards that have not expired at this time."""


async def list_cards(db: AsyncSession, wanted: CardFilter) -> list[Card]:
    """List cards, newest first. InvalidRequest if `starting_after` is no card of the account."""
    query = select(Card).where(Card.account_id == wanted.account_id)
    if wanted.available is not None:
        query = query.where(Card.available == wanted.available)
    if wanted.available_gte is not None:
        query = query.where(col(Card.available) >= wanted.available_gte)
    if wanted.available_lte is not None:
        query = query.where(col(Card.available) <= wanted.available_lte)
    if wanted.customer_id is not None:
        query = query.where(Card.customer_id == wanted.customer_id)
    if not wanted.include_deleted:
        query = query.where(col(Card.deleted_at).is_(None))
    if wanted.usable_at is not None:
        query = query.where(valid_rows(wanted.usable_at))
    if wanted.starting_after is not None:
        last = await db.get(Card, wanted.starting_after)
        if last is None or last.account_id != wanted.account_id:
            text = "there is no such card"
            raise InvalidRequest(text, (FieldError("starting_after", text),))
        query = query.where(after(Card, last))
    return list(await db.exec(query.order_by(*newest_first(Card)).limit(wanted.limit)))


async def customer_card(
    db: AsyncSession, account_id: str, customer_id: str, card_id: str, now: datetime
) -> Card:
    """Return one of a customer's active cards. NotFound for anybody else's card."""
    card = await get_card(db, account_id, card_id)
    if card.customer_id != customer_id or not gift_card.is_valid(facts(card), now):
        raise NotFound("no such card")
    return card
