"""Find a card: by the merchant's own id, or by the payer's number and PIN.

Unknown number, wrong PIN and a spent budget give one answer in one duration. A try is counted
before it is checked, in the database, so that parallel tries cannot outrun the budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import budgets
from backend.cards.tables import Card, CardToken, TryBudget
from backend.cards.tokens import is_expired
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


@dataclass(frozen=True, slots=True)
class Match:
    """A card, and the number or temporary token by which it was found."""

    card: Card
    token: CardToken


async def find_number(
    ctx: Backend, db: AsyncSession, account_id: str, number: str, *, expired_too: bool = False
) -> Match | None:
    """By a number or temporary token; None where it is unknown or, without `expired_too`, has
    expired."""
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
    """A card that is known already, by its own number, which may have expired."""
    query = select(CardToken).where(CardToken.card == card.id, col(CardToken.ref_id).is_(None))
    return Match(card, (await db.exec(query)).one())


async def get_by_number(ctx: Backend, db: AsyncSession, account_id: str, number: str) -> Card:
    """By its number alone: for the merchant's API, never for a payer."""
    match = await find_number(ctx, db, account_id, number)
    if match is None:
        raise NotFound("no such card")
    return match.card


async def find_by_number_and_pin(
    ctx: Backend, account_id: str, number: str, pin: str, *, session_id: str, source: str
) -> Card | None:
    """The payer's card, or None; see `match_number_and_pin`."""
    asker = (f"session:{session_id}", source_scope(ctx, source))
    match = await match_number_and_pin(ctx, account_id, number, pin, asker=asker)
    return match.card if match else None


async def match_number_and_pin(
    ctx: Backend, account_id: str, number: str | Match, pin: str, *,
    asker: tuple[str, str] | None, expired_too: bool = False,
) -> Match | None:  # fmt: skip
    """None for unknown number, wrong PIN, or no tries left, not told apart. A `Match` in place of
    the number: the card is known already, and the PIN alone is asked for.

    `asker`: the scopes of whoever asks (`session:…`, `source:…`), each with a budget; None for the
    merchant, who needs no PIN at all, so that only the card is guarded. Counted before the check;
    a right try is given back.
    """
    if isinstance(number, Match):
        match: Match | None = number
        own = card_scope(number.card)
    else:
        async with ctx.db.reading() as db:
            match = await find_number(ctx, db, account_id, number, expired_too=expired_too)
        # Of a known card, however many tokens it has, the tries are counted together.
        unknown = f"card:{ctx.vault.number_hash(account_id, number)}"
        own = card_scope(match.card) if match else unknown
    settings = ctx.settings
    of_card = {own: settings.pin_tries_per_card}
    of_asker = {} if asker is None else {
        asker[0]: settings.pin_tries_per_session, asker[1]: settings.pin_tries_per_source,
    }  # fmt: skip
    # Apart: a counted try stays counted where the request comes to nothing.
    async with ctx.db.unit_of_work(apart=True) as db:
        # Who may not guess any more locks no more cards by it.
        within = await _count(ctx, db, of_asker) and await _count(ctx, db, of_card)
    pin_hash = match.card.pin_hash if match is not None and within else None
    if not await ctx.vault.pin_matches(pin, pin_hash):
        return None
    async with ctx.db.unit_of_work(apart=True) as db:
        # In the order in which they are counted: two that meet must not wait for each other.
        for scope in (*of_asker, *of_card):
            await budgets.give_back(db, scope)
    return match


async def _count(ctx: Backend, db: AsyncSession, limits: Mapping[str, int]) -> bool:
    """One try in each budget; whether it was within all of them."""
    now, window = ctx.clock.now(), timedelta(seconds=ctx.settings.pin_tries_window)
    counted = [
        await budgets.count(db, scope, limit, now, window) for scope, limit in limits.items()
    ]
    return all(counted)


def source_scope(ctx: Backend, source: str) -> str:
    """The budget of a payer's address."""
    return f"source:{ctx.vault.source_hash(budgets.network_of(source))}"


def card_scope(card: Card) -> str:
    return f"card:{card.id}"


async def forget_tries(db: AsyncSession, card: Card) -> None:
    """With a new PIN the guesses at the old one count no more."""
    await db.exec(delete(TryBudget).where(col(TryBudget.scope) == card_scope(card)))


def facts(card: Card) -> CardFacts:
    """A row as the rules see it."""
    return CardFacts(
        available=card.available,
        currency=card.currency,
        active=card.active and card.deleted_at is None,
        active_from=card.active_from,
        expires_at=card.expires_at,
    )
