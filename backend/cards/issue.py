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
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import formats, ledger
from backend.cards.formats import Format
from backend.cards.tables import Card, CardToken
from backend.cards.tokens import FreshNumber, fresh_numbers
from backend.core.context import Backend
from backend.core.db import insert_rows
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
    pin: str | None = None
    """None means that one is made."""
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
    drawn = await draw(ctx, orders)
    await write(ctx, drawn)
    return [one.issued() for one in drawn]


@dataclass(frozen=True, slots=True)
class DrawnCard:
    """A card that is not written yet. `card` and `token` are the rows of the tables, by column."""

    order: CardOrder
    card: dict[str, Any]
    token: dict[str, Any]
    number: str
    pin: str | None

    def issued(self) -> IssuedCard:
        return IssuedCard(
            Card(**_attributes(self.card)),
            CardToken(**_attributes(self.token)),
            self.number,
            self.pin,
        )


def _attributes(row: dict[str, Any]) -> dict[str, Any]:
    return {("metadata_" if name == "metadata" else name): value for name, value in row.items()}


async def draw(ctx: Backend, orders: Sequence[CardOrder]) -> list[DrawnCard]:
    """Choose numbers and PINs for some hundred cards at most, without writing anything. Conflict
    names the first `card_id` that exists already; InvalidRequest names one that is given
    twice."""
    async with ctx.db.reading() as db:
        return await _draw(db, ctx, orders)


async def write(ctx: Backend, drawn: Sequence[DrawnCard]) -> None:
    """Write all of these cards, funded if they are active, or none. Conflict if another request has
    taken one of their ids or numbers since they were drawn."""
    try:
        async with ctx.db.unit_of_work() as db:
            await _write(db, drawn)
    except IntegrityError as error:
        raise Conflict("a card with one of these card_ids was made at the same time") from error


async def store_card(
    db: AsyncSession, ctx: Backend, order: CardOrder
) -> tuple[Card, CardToken, str, str | None]:
    """Store the card in the caller's unit of work, with its token, number and PIN; fund it if it is
    active. Conflict if the account has this `card_id` already."""
    (drawn,) = await _draw(db, ctx, [order])
    await _write(db, [drawn])
    card = await db.get(Card, drawn.card["id"])
    token = await db.get(CardToken, drawn.token["id"])
    assert card is not None and token is not None  # they were just written
    return card, token, drawn.number, drawn.pin


async def _draw(db: AsyncSession, ctx: Backend, orders: Sequence[CardOrder]) -> list[DrawnCard]:
    twice = [card_id for card_id, n in Counter(o.card_id for o in orders).items() if n > 1]
    if twice:
        raise InvalidRequest(f"duplicate card_id {twice[0]!r}")
    (account_id,) = {order.account_id for order in orders}
    ids = [order.card_id for order in orders]
    query = select(Card.card_id).where(Card.account_id == account_id, col(Card.card_id).in_(ids))
    known = set(await db.exec(query))
    for card_id in ids:
        if card_id in known:
            raise Conflict(f"card_id {card_id!r} exists already")
    formed = [order.number_format for order in orders]
    numbers = await fresh_numbers(ctx, db, account_id, formed)
    now = ctx.clock.now()
    return [_drawn(ctx, order, number, now) for order, number in zip(orders, numbers, strict=True)]


def _drawn(ctx: Backend, order: CardOrder, number: FreshNumber, now: datetime) -> DrawnCard:
    mask = formats.mask(number.value, str(number.shown["prefix"]))
    card_pk = new_uuid()
    pin = order.pin or (formats.make(order.pin_format) if order.pin_format else None)
    kept = ctx.vault.pin_mac(card_pk, pin) if pin is not None else None
    card = {
        "id": card_pk,
        "account_id": order.account_id,
        "card_id": order.card_id,
        "currency": order.currency,
        "type": order.type,
        "name": order.name,
        "customer_id": order.customer_id,
        "originated_by": order.originated_by,
        "metadata": order.metadata,
        "extra": order.extra,
        "initial_amount": order.amount,
        "active": order.active,
        "active_from": order.active_from,
        "expires_at": order.expires_at,
        "deleted_at": None,
        "activation_ref": None,
        "number_last4": formats.last4(number.value),
        "number_mask": mask,
        "pin_hash": kept.text if kept else None,
        "pin_key": kept.key_id if kept else None,
        "pin_version": 0,
        "pin_format": order.pin_format.shown() if order.pin_format else None,
        "replaces": None,
        "replaced_by": None,
        **ledger.opening_sums(order.amount if order.active else 0),
        "created_at": now,
        "created_by": order.created_by,
    }
    ends = order.number_expires_in
    token = {
        "id": new_uuid(),
        "account_id": order.account_id,
        "card": card_pk,
        "ref_id": None,
        "number_hash": number.hash,
        "mask": mask,
        "format": number.shown,
        "sealed": None,
        "expires_in": ends,
        "expires_at": now + timedelta(seconds=ends) if ends is not None else None,
        "single_use": order.number_single_use,
        "used_by": None,
        "metadata": {},
        "created_at": now,
        "created_by": order.created_by,
    }
    return DrawnCard(order, card, token, number.value, pin)


async def _write(db: AsyncSession, drawn: Sequence[DrawnCard]) -> None:
    """Write the rows of many cards, each table by one statement."""
    await insert_rows(db, Card, [one.card for one in drawn])
    await insert_rows(db, CardToken, [one.token for one in drawn])
    await ledger.open_cards(db, [one.card for one in drawn if one.order.active])


def set_behaviour(
    token: CardToken, expires_in: int | None, single_use: bool, now: datetime
) -> None:
    """Set how long a card's own number is valid, in seconds from now, and whether it pays only
    once."""
    token.expires_in = expires_in
    token.expires_at = now + timedelta(seconds=expires_in) if expires_in is not None else None
    token.single_use = single_use
