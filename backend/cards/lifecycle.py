"""What becomes of a card besides its money: activated, its PIN made anew, deleted. Each is one unit
of work with the card's row locked. Source: `reference/dintero-api.md#4-wallets-gift-card-api`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import formats, ledger, lookup, pin_lock
from backend.cards.formats import Format
from backend.cards.issue import set_behaviour
from backend.cards.ledger import Cause
from backend.cards.tables import NO_CURRENCY, Card, CardToken
from backend.context import Backend
from backend.errors import Conflict, FieldError, InvalidRequest, NotFound


class AlreadyActivated(Conflict):
    code = "ALREADY_ACTIVATED"


class CardInUse(Conflict):
    code = "CARD_IN_USE"


@dataclass(frozen=True, slots=True)
class Activation:
    """`amount` in minor units. What is None stays as the card was made. `ref_id` makes a repeat
    safe; without one a second activation is always refused."""

    account_id: str
    card_id: str
    amount: int
    currency: str
    created_by: str
    ref_id: str | None = None
    customer_id: str | None = None
    name: str | None = None
    active_from: datetime | None = None
    expires_at: datetime | None = None
    originated_by: str | None = None
    metadata: dict[str, Any] | None = None
    number_expires_in: int | None = None
    number_single_use: bool = False


async def _lock(db: AsyncSession, account_id: str, card_id: str) -> Card:
    """By the merchant's `card_id`, deleted ones too."""
    query = select(Card).where(Card.account_id == account_id, Card.card_id == card_id)
    query = query.with_for_update().execution_options(populate_existing=True)
    card = (await db.exec(query)).one_or_none()
    if card is None:
        raise NotFound("no such card")
    return card


async def activate(ctx: Backend, activation: Activation) -> Card:
    """`inactive` becomes `unused`, with its first money. AlreadyActivated where it is: a card that
    was sold is not sold again, whatever the amount."""
    now = ctx.clock.now()
    async with ctx.db.unit_of_work() as db:
        card = await _lock(db, activation.account_id, activation.card_id)
        if card.deleted_at is not None:
            raise NotFound("no such card")
        if card.active:
            return _activated_before(card, activation)
        if card.currency not in (NO_CURRENCY, activation.currency):
            text = f"this card was made for {card.currency}"
            raise InvalidRequest(text, (FieldError("currency", text),))
        _fill(card, activation)
        card.active = True
        # Source: `reference/dintero-api.md#44-batch-and-activate`, "active_from (default now)".
        card.active_from = card.active_from or now
        card.activation_ref = activation.ref_id
        query = select(CardToken).where(CardToken.card == card.id, col(CardToken.ref_id).is_(None))
        number = (await db.exec(query)).one()
        if activation.number_expires_in is not None or activation.number_single_use:
            set_behaviour(number, activation.number_expires_in, activation.number_single_use, now)
        elif number.expires_in is not None:
            set_behaviour(number, number.expires_in, number.single_use, now)
        await db.flush()
        cause = Cause(f"activate:{card.id}", now, activation.created_by,
                      originated_by=activation.originated_by)  # fmt: skip
        await ledger.fund(db, card, activation.amount, cause)
    return card


def _fill(card: Card, activation: Activation) -> None:
    card.currency = activation.currency
    card.initial_amount = activation.amount
    for name in ("customer_id", "name", "active_from", "expires_at", "originated_by"):
        given = getattr(activation, name)
        if given is not None:
            setattr(card, name, given)
    card.metadata_ = {**card.metadata_, **(activation.metadata or {})}


def _activated_before(card: Card, activation: Activation) -> Card:
    same = (card.initial_amount, card.currency) == (activation.amount, activation.currency)
    if activation.ref_id is not None and card.activation_ref == activation.ref_id:
        if same:
            return card
        raise Conflict("this ref_id activated this card with another amount or currency")
    raise AlreadyActivated("this card is active already")


async def rotate_pin(
    ctx: Backend, account_id: str, card_id: str, form: Format | None, by: str
) -> tuple[Card, str]:
    """A new PIN, of the card's format where `form` is None; the old one ends at once, with the
    guesses that were counted against it, so that a locked card is unlocked. Whoever added the card
    to a checkout with the old one has to show the new."""
    async with ctx.db.reading() as db:
        card = await lookup.get_card(db, account_id, card_id)
    form = form or (Format(**card.pin_format) if card.pin_format else None)
    form = form or Format(formats.MIN_PIN_LENGTH)
    pin = formats.make(form)
    made = ctx.vault.pin_mac(card.id, pin)
    async with ctx.db.unit_of_work() as db:
        # Before the card's row is locked: tries lock in this order too.
        await pin_lock.make_whole(ctx, db, card, by, "a new PIN")
        card = await _lock(db, account_id, card_id)
        if card.deleted_at is not None:
            raise NotFound("no such card")
        card.pin_hash, card.pin_key, card.pin_format = made.text, made.key_id, form.shown()
        card.pin_version += 1
    ctx.pin_refusals.forget_all()
    return card, pin


async def delete(ctx: Backend, account_id: str, card_id: str) -> Card:
    """Nothing can be paid with it any more; its ledger stays. CardInUse while a payment or a
    pending drawdown holds money of it. Deleting it again changes nothing."""
    async with ctx.db.unit_of_work() as db:
        card = await _lock(db, account_id, card_id)
        if card.deleted_at is None:
            if card.held:
                raise CardInUse("a payment holds money of this card: capture or void it first")
            card.deleted_at = ctx.clock.now()
    return card
