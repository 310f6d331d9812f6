"""Find a card: by the merchant's own id, or by the payer's number and PIN.

Unknown number, wrong PIN and a spent budget give one answer in one duration. A try is counted
before it is checked, in the database, so that parallel tries cannot outrun the budget.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import case, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards.tables import Card, TryBudget
from backend.context import Backend
from backend.errors import NotFound
from backend.rules.gift_card import CardFacts


async def get_card(db: AsyncSession, account_id: str, card_id: str) -> Card:
    """By the merchant's own `card_id`. NotFound for another account's card too."""
    query = select(Card).where(Card.account_id == account_id, Card.card_id == card_id)
    card = (await db.exec(query)).one_or_none()
    if card is None or card.deleted_at is not None:
        raise NotFound("no such card")
    return card


async def get_by_number(ctx: Backend, db: AsyncSession, account_id: str, number: str) -> Card:
    """By its number alone: for the merchant's API, never for a payer."""
    query = select(Card).where(Card.number_hash == ctx.vault.number_hash(account_id, number))
    card = (await db.exec(query)).one_or_none()
    if card is None or card.deleted_at is not None:
        raise NotFound("no such card")
    return card


async def find_by_number_and_pin(
    ctx: Backend, account_id: str, number: str, pin: str, *, session_id: str, source: str
) -> Card | None:
    """The payer's card, or None: unknown number, wrong PIN, or no tries left, not told apart.

    `source` is the payer's address. Counted before the check; a right try is given back.
    """
    number_hash = ctx.vault.number_hash(account_id, number)
    limits = {
        f"card:{number_hash}": ctx.settings.pin_tries_per_card,
        f"session:{session_id}": ctx.settings.pin_tries_per_session,
        f"source:{ctx.vault.source_hash(source)}": ctx.settings.pin_tries_per_source,
    }
    now = ctx.clock.now()
    window = timedelta(seconds=ctx.settings.pin_tries_window)
    async with ctx.db.unit_of_work() as db:
        counted = [await _count(db, scope, limit, now, window) for scope, limit in limits.items()]
    allowed = all(counted)
    async with ctx.db.reading() as db:
        query = select(Card).where(Card.number_hash == number_hash)
        card = (await db.exec(query)).one_or_none()
    known = card is not None and card.deleted_at is None
    pin_hash = card.pin_hash if card is not None and known and allowed else None
    if not await ctx.vault.pin_matches(pin, pin_hash):
        return None
    async with ctx.db.unit_of_work() as db:
        for scope in limits:
            await _give_back(db, scope)
    return card


async def _count(
    db: AsyncSession, scope: str, limit: int, now: datetime, window: timedelta
) -> bool:
    """Count one try; whether it was within the budget. A spent budget's window is not extended,
    or anybody could keep a card locked for ever."""
    dialect = postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
    tries, last = col(TryBudget.tries), col(TryBudget.last_try_at)
    fresh = last <= now - window
    insert = dialect.insert(TryBudget).values(scope=scope, tries=1, last_try_at=now)
    query = insert.on_conflict_do_update(
        index_elements=["scope"],
        set_={
            "tries": case((fresh, 1), else_=tries + 1),
            "last_try_at": case((fresh, now), (tries < limit, now), else_=last),
        },
    ).returning(tries)
    counted = (await db.exec(query)).scalar_one()
    return int(counted) <= limit


async def _give_back(db: AsyncSession, scope: str) -> None:
    tries = col(TryBudget.tries)
    change = update(TryBudget).where(col(TryBudget.scope) == scope, tries > 0)
    await db.exec(change.values(tries=tries - 1))


def facts(card: Card) -> CardFacts:
    """A row as the rules see it."""
    return CardFacts(
        available=card.available,
        currency=card.currency,
        active=card.active and card.deleted_at is None,
        active_from=card.active_from,
        expires_at=card.expires_at,
    )
