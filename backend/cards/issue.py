"""Issue gift cards: their numbers, their PINs, their first money. The cards of a batch are inactive
and without money, because they are printed before they are sold.

Source: `docs/reference/dintero-api.md#creating-a-card`, `#batch-and-activation`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import formats, ledger
from backend.cards.formats import Format
from backend.cards.tables import Card, CardToken
from backend.cards.tokens import fresh_number
from backend.core.context import Backend
from backend.core.errors import Conflict, InvalidRequest
from backend.core.ids import new_uuid


@dataclass(frozen=True, slots=True)
class CardOrder:
    """What a card is to be. `amount` is in minor units. If `number_format` is None, the number has
    Dintero's default format; if `pin_format` is None, the card has no PIN, and only its merchant
    can use it. `number_expires_in` (seconds) and `number_single_use` concern the number, not the
    card."""

    account_id: str
    card_id: str
    amount: int
    currency: str
    created_by: str
    pin_format: Format | None = None
    number_format: Format | None = None
    customer_id: str | None = None
    name: str | None = None
    type: str = "gift_card"
    active: bool = True
    number_expires_in: int | None = None
    number_single_use: bool = False
    active_from: datetime | None = None
    expires_at: datetime | None = None
    originated_by: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """A new card with its number and PIN. They are never known again."""

    card: Card
    token: CardToken
    number: str
    pin: str | None


async def issue_card(ctx: Backend, order: CardOrder) -> IssuedCard:
    """Make the card and fund it. Conflict if the account has this `card_id` already."""
    (issued,) = await issue_batch(ctx, [order])
    return issued


async def issue_batch(ctx: Backend, orders: Sequence[CardOrder]) -> list[IssuedCard]:
    """Make all of these cards, or none. Conflict names the first `card_id` that exists already."""
    twice = [card_id for card_id, n in Counter(o.card_id for o in orders).items() if n > 1]
    if twice:
        raise InvalidRequest(f"card_id {twice[0]!r} stands there twice")
    pins = [formats.make(o.pin_format) if o.pin_format else None for o in orders]
    issued = []
    try:
        async with ctx.db.unit_of_work() as db:
            for order, pin in zip(orders, pins, strict=True):
                card, token, number = await store_card(db, ctx, order, pin)
                issued.append(IssuedCard(card, token, number, pin))
    except IntegrityError as error:
        raise Conflict("a card with one of these card_ids was made at the same time") from error
    return issued


async def store_card(
    db: AsyncSession, ctx: Backend, order: CardOrder, pin: str | None
) -> tuple[Card, CardToken, str]:
    """Store the card in the caller's unit of work, with its token and number; fund it if it is
    active. Conflict if the account has this `card_id` already."""
    query = select(Card.id).where(
        Card.account_id == order.account_id, Card.card_id == order.card_id
    )
    if (await db.exec(query)).first() is not None:
        raise Conflict(f"card_id {order.card_id!r} exists already")
    now = ctx.clock.now()
    number, shown = await fresh_number(ctx, db, order.account_id, order.number_format)
    mask = formats.mask(number, str(shown["prefix"]))
    card_pk = new_uuid()
    kept = ctx.vault.pin_mac(card_pk, pin) if pin is not None else None
    card = Card(
        id=card_pk,
        account_id=order.account_id,
        card_id=order.card_id,
        currency=order.currency,
        type=order.type,
        name=order.name,
        customer_id=order.customer_id,
        originated_by=order.originated_by,
        metadata_=order.metadata,
        extra=order.extra,
        initial_amount=order.amount,
        active=order.active,
        active_from=order.active_from,
        expires_at=order.expires_at,
        number_last4=formats.last4(number),
        number_mask=mask,
        pin_hash=kept.text if kept else None,
        pin_key=kept.key_id if kept else None,
        pin_format=order.pin_format.shown() if order.pin_format else None,
        funds=0,
        available=0,
        held=0,
        drawn=0,
        created_at=now,
        created_by=order.created_by,
    )
    db.add(card)
    await db.flush()
    token = CardToken(
        id=new_uuid(),
        account_id=order.account_id,
        card=card.id,
        number_hash=ctx.vault.number_hash(order.account_id, number),
        mask=mask,
        format=shown,
        created_at=now,
        created_by=order.created_by,
    )
    set_behaviour(token, order.number_expires_in, order.number_single_use, now)
    db.add(token)
    await db.flush()
    if order.active:
        cause = ledger.EntryContext(ref_id=f"issue:{card.id}", now=now, created_by=order.created_by)
        await ledger.fund(db, card, order.amount, cause)
    return card, token, number


def set_behaviour(
    token: CardToken, expires_in: int | None, single_use: bool, now: datetime
) -> None:
    """Set how long a card's own number is valid, in seconds from now, and whether it pays only
    once."""
    token.expires_in = expires_in
    token.expires_at = now + timedelta(seconds=expires_in) if expires_in is not None else None
    token.single_use = single_use
