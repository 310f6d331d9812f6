"""Make a card usable again: extend it, restore it, give it another number and PIN, or replace it by
another card. The card's history records who did it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import formats, lookup, pin_lock
from backend.cards.formats import Format
from backend.cards.history import CardNote, note
from backend.cards.issue import CardOrder, IssuedCard, set_behaviour, store_card
from backend.cards.lifecycle import lock_by_card_id
from backend.cards.tables import Card, CardToken
from backend.cards.tokens import fresh_number
from backend.core.clock import iso
from backend.core.context import Backend
from backend.core.errors import Conflict, FieldError, InvalidRequest, NotFound


class NotLater(Conflict):
    """The new last moment is not later. A card can be extended, but not shortened."""

    code = "NOT_LATER"


@dataclass(frozen=True, slots=True)
class Change:
    """Which card is changed, by whom and why."""

    account_id: str
    card_id: str
    by: str
    reason: str | None = None


async def extend(ctx: Backend, change: Change, expires_at: datetime | None) -> Card:
    """Give a card a later last moment, or no last moment (None), whether it has expired or not. The
    same moment again changes nothing. NotLater if it would end earlier; InvalidRequest for a moment
    in the past; NotFound for a deleted card."""
    now = ctx.clock.now()
    if expires_at is not None and expires_at <= now:
        text = "expires_at must be in the future"
        raise InvalidRequest(text, (FieldError("expires_at", text),))
    async with ctx.db.unit_of_work() as db:
        card = await _lock(db, change)
        before = card.expires_at
        if before == expires_at:
            return card
        if before is None or (expires_at is not None and expires_at < before):
            raise NotLater("expires_at must be later than the card's present one, or null")
        card.expires_at = expires_at
        details = {"from": iso(before), "to": iso(expires_at) if expires_at else None}
        note(db, card, CardNote("EXTENDED", change.by, now, details, change.reason))
    return card


async def restore(ctx: Backend, change: Change) -> Card:
    """Undo a deletion: number, PIN and balance are as they were. A card that is not deleted does
    not change. NotFound."""
    async with ctx.db.unit_of_work() as db:
        card = await lock_by_card_id(db, change.account_id, change.card_id)
        if card.deleted_at is not None:
            details = {"deleted_at": iso(card.deleted_at)}
            card.deleted_at = None
            note(db, card, CardNote("RESTORED", change.by, ctx.clock.now(), details, change.reason))
    return card


async def reissue(
    ctx: Backend, change: Change, number: Format | None = None, pin: Format | None = None
) -> IssuedCard:
    """Give the card another number, and another PIN if it has one or if `pin` asks for one. The
    balance stays. The old number, the PIN and the temporary tokens end at once. Formats that are
    None are the card's own. NotFound."""
    async with ctx.db.reading() as db:
        known = await lookup.get_card(db, change.account_id, change.card_id)
    form = pin or (Format(**known.pin_format) if known.pin_format else None)
    new_pin = formats.make(form) if form else None
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        # This comes before the card's row is locked, because attempts lock in this order too.
        await pin_lock.make_whole(ctx, db, known, change.by, change.reason)
        card = await _lock(db, change)
        token = await own_token(db, card)
        drawn = await fresh_number(ctx, db, card.account_id, number or format_of(token.format))
        value, shown = drawn.value, drawn.shown
        token.number_hash = drawn.hash
        token.mask, token.format = formats.mask(value, str(shown["prefix"])), shown
        token.used_by = None
        set_behaviour(token, token.expires_in, token.single_use, now)
        await _end_tokens(db, card, now)
        card.number_last4, card.number_mask = formats.last4(value), token.mask
        if form is not None and new_pin is not None:
            made = ctx.vault.pin_mac(card.id, new_pin)
            card.pin_hash, card.pin_key, card.pin_format = made.text, made.key_id, form.shown()
        # A payer who added the card to a checkout with the old PIN has to show the new one.
        card.pin_version += 1
        note(db, card, CardNote("REISSUED", change.by, now, None, change.reason))
    ctx.pin_refusals.forget_all()
    return IssuedCard(card, token, value, new_pin)


async def _lock(db: AsyncSession, change: Change) -> Card:
    card = await lock_by_card_id(db, change.account_id, change.card_id)
    if card.deleted_at is not None:
        raise NotFound("no such card")
    return card


async def own_token(db: AsyncSession, card: Card) -> CardToken:
    """Return the card's own number, as opposed to its temporary tokens."""
    query = select(CardToken).where(CardToken.card == card.id, col(CardToken.ref_id).is_(None))
    return (await db.exec(query)).one()


def format_of(shown: dict[str, Any]) -> Format | None:
    """Return a number's format as it is stored. None is Dintero's default, which names no kinds of
    signs."""
    return Format(**shown) if "numbers" in shown else None


async def _end_tokens(db: AsyncSession, card: Card, now: datetime) -> None:
    ends = update(CardToken).where(
        CardToken.card == card.id,  # type: ignore[arg-type]
        col(CardToken.ref_id).is_not(None),
        col(CardToken.expires_at) > now,
    )
    await db.exec(ends.values(expires_at=now).execution_options(synchronize_session=False))


# --- another card in its place -----------------------------------------------------------------


def pin_for(card: Card) -> str | None:
    """Make a PIN for the card that replaces this one; None for a card without a PIN."""
    return formats.make(Format(**card.pin_format)) if card.pin_format is not None else None


async def replace_card(
    ctx: Backend, db: AsyncSession, card: Card, card_id: str, pin: str | None, change: Change
) -> IssuedCard:
    """Make an empty card like `card`, under `card_id`. The caller has locked `card`. Each card
    names the other. The new card has no last day."""
    token = await own_token(db, card)
    order = CardOrder(
        account_id=card.account_id,
        card_id=card_id,
        amount=0,
        currency=card.currency,
        created_by=change.by,
        pin_format=Format(**card.pin_format) if card.pin_format else None,
        pin=pin,
        number_format=format_of(token.format),
        customer_id=card.customer_id,
        name=card.name,
        type=card.type,
        originated_by=card.originated_by,
    )
    made, own, number, _ = await store_card(db, ctx, order)
    made.replaces, card.replaced_by = card.card_id, made.card_id
    details = {"replaced_by": made.card_id}
    note(db, card, CardNote("REPLACED", change.by, ctx.clock.now(), details, change.reason))
    await db.flush()
    return IssuedCard(made, own, number, pin)
