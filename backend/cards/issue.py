"""Issue a gift card: its number, its PIN, its first money."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import formats, ledger
from backend.cards.formats import Format
from backend.cards.tables import Card
from backend.context import Backend
from backend.errors import Conflict
from backend.ids import new_uuid


@dataclass(frozen=True, slots=True)
class CardOrder:
    """What a card is to be. `amount` in minor units. `number_format` None: Dintero's default;
    `pin_format` None: a card without a PIN, which only its merchant can use."""

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
    active_from: datetime | None = None
    expires_at: datetime | None = None
    originated_by: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """The only time when number and PIN are known."""

    card: Card
    number: str
    pin: str | None


async def issue_card(ctx: Backend, order: CardOrder) -> IssuedCard:
    """Make the card and fund it. Conflict where the account has this `card_id` already."""
    if order.number_format:
        number = formats.make(order.number_format)
        shown = order.number_format.shown()
    else:
        number = formats.make_default_number()
        shown = {"length": 36, "prefix": formats.DEFAULT_PREFIX}
    pin = formats.make(order.pin_format) if order.pin_format else None
    pin_hash = await ctx.vault.hash_pin(pin) if pin is not None else None
    try:
        async with ctx.db.unit_of_work() as db:
            card = await _store(db, ctx, order, number, shown, pin_hash)
    except IntegrityError as error:
        raise Conflict(f"card_id {order.card_id!r} exists already") from error
    return IssuedCard(card, number, pin)


async def _store(
    db: AsyncSession, ctx: Backend, order: CardOrder, number: str, shown: dict[str, Any],
    pin_hash: str | None,
) -> Card:  # fmt: skip
    query = select(Card.id).where(
        Card.account_id == order.account_id, Card.card_id == order.card_id
    )
    if (await db.exec(query)).first() is not None:
        raise Conflict(f"card_id {order.card_id!r} exists already")
    now = ctx.clock.now()
    card = Card(
        id=new_uuid(), account_id=order.account_id, card_id=order.card_id,
        currency=order.currency, type=order.type, name=order.name,
        customer_id=order.customer_id, originated_by=order.originated_by,
        metadata_=order.metadata, extra=order.extra, initial_amount=order.amount, active=True,
        active_from=order.active_from, expires_at=order.expires_at,
        number_hash=ctx.vault.number_hash(order.account_id, number),
        number_last4=formats.last4(number),
        number_mask=formats.mask(number, str(shown.get("prefix") or "")), number_format=shown,
        pin_hash=pin_hash, pin_format=order.pin_format.shown() if order.pin_format else None,
        funds=0, available=0, held=0, drawn=0, created_at=now, created_by=order.created_by,
    )  # fmt: skip
    db.add(card)
    await db.flush()
    cause = ledger.Cause(ref_id=f"issue:{card.id}", now=now, created_by=order.created_by)
    await ledger.fund(db, card, order.amount, cause)
    return card
