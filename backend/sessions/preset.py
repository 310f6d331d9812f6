"""A gift card that the merchant presets (`customer.gift_cards`). It needs no PIN, since the
merchant knows the payer.

We do not refuse an order because its card cannot be used. The session is made without the card, and
the merchant gets a warning in the answer and in an event. A card that is held only by a payment
left open elsewhere stays in the session, and pays as soon as it is free. With the feature toggle
`strict-gift-cards` the request is refused instead. See `docs/wallets.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import lookup
from backend.cards.tables import Card
from backend.core.context import Backend
from backend.core.errors import FieldError, GiftCardRefused, InvalidRequest, NotFound
from backend.rules import gift_card
from backend.rules.gift_card import Refusal
from backend.rules.money import Money
from backend.rules.session import SessionState
from backend.sessions import events
from backend.sessions.gift_cards import Addition, open_elsewhere, put_gift_card
from backend.sessions.tables import CheckoutSession, SessionGiftCard

FIELD = "customer.gift_cards.dintero.wallets"
CARD_FIELD = f"{FIELD}.0.card_id"
NOT_FOUND = "not_found"
PARTLY_HELD = "partly_held"
_TEXT: Mapping[str, str] = {
    NOT_FOUND: "there is no such gift card, or it was deleted",
    PARTLY_HELD: "a payment left open elsewhere holds a part of this gift card",
    Refusal.HELD_ELSEWHERE: "a payment left open elsewhere holds this gift card",
    Refusal.EMPTY: "nothing is left on this gift card",
    Refusal.EXPIRED: "this gift card has expired",
    Refusal.NOT_ACTIVE_YET: "this gift card cannot be used yet",
    Refusal.INACTIVE: "this gift card is not active",
    Refusal.OTHER_CURRENCY: "this gift card is in another currency than the order",
    Refusal.NOT_OFFERED: "gift cards cannot be used in this session",
}


@dataclass(frozen=True, slots=True)
class PresetWarning:
    """Why the preset card pays nothing, or less than it could. `code` is stable."""

    code: str

    @property
    def message(self) -> str:
        return _TEXT[self.code]

    @property
    def shape(self) -> dict[str, str]:
        return {"code": self.code, "field": CARD_FIELD, "message": self.message}

    @property
    def refuses(self) -> bool:
        """Return whether the strict mode refuses the request. It does if nothing of the card can be
        used."""
        return self.code != PARTLY_HELD


async def preset_gift_card(
    db: AsyncSession,
    session: CheckoutSession,
    now: datetime,
    origin: events.Request,
    *,
    strict: bool,
) -> None:
    """Add the card that a new session's request presets, or keep why it is not there.

    InvalidRequest if gift cards cannot be used in the session: `dintero.wallets` is not switched
    on, or the order is divided, as documented. With `strict` GiftCardRefused if the card cannot
    be used now.
    """
    wanted = session.content.customer.preset_card
    if wanted is None:
        return
    if not session.gift_card_use:
        text = "customer.gift_cards needs the payment type dintero.wallets to be enabled"
        raise InvalidRequest(text, (FieldError(FIELD, text),))
    card, amount = await _find(db, session, wanted.card_id), wanted.amount
    code = await _issue_of(db, session, card, now, amount) if card is not None else NOT_FOUND
    warning = PresetWarning(code) if code else None
    if strict and warning is not None:
        refuse_strictly([warning])
    more = {} if warning is None else {"error": warning.code, "warnings": [warning.shape]}
    if card is not None and code in (None, PARTLY_HELD, Refusal.HELD_ELSEWHERE):
        await put_gift_card(
            db, session, card, Addition(preset=True, wanted=amount, more=more), now, origin
        )
        return
    session.preset_refused = code
    await events.record(db, session, "SET_GIFT_CARD", now, more, origin)


async def _find(db: AsyncSession, session: CheckoutSession, card_id: str) -> Card | None:
    try:
        return await lookup.get_card(db, session.account_id, card_id)
    except NotFound:
        return None


async def _issue_of(
    db: AsyncSession, session: CheckoutSession, card: Card, now: datetime, wanted: int | None
) -> str | None:
    """Return why this card pays less in the session than it could; None if it pays all it can."""
    if card.deleted_at is not None:
        return NOT_FOUND
    reason = gift_card.refusal(lookup.facts(card), session.currency, now)
    if reason is not None and reason is not Refusal.EMPTY:
        return reason.value
    held = sum(other.amount for other in await open_elsewhere(db, card, session.id))
    if reason is Refusal.EMPTY:
        return (Refusal.HELD_ELSEWHERE if held else Refusal.EMPTY).value
    order = Money(session.amount, session.currency)
    now_pays = gift_card.share(Money(card.available, card.currency), order, wanted)
    could_pay = gift_card.share(Money(card.available + held, card.currency), order, wanted)
    return PARTLY_HELD if could_pay.amount > now_pays.amount else None


async def preset_warnings(
    db: AsyncSession, session: CheckoutSession, now: datetime
) -> list[PresetWarning]:
    """Return what the merchant should know about the preset card now. It is empty when the session
    is not open any more, and when the payer has added or removed a card."""
    if session.state != SessionState.OPEN:
        return []
    added = await db.get(SessionGiftCard, session.id)
    if added is None:
        return [PresetWarning(session.preset_refused)] if session.preset_refused else []
    if not added.preset:
        return []
    if not session.gift_card_use:
        return [PresetWarning(Refusal.NOT_OFFERED.value)]
    card = await db.get(Card, added.card)
    assert card is not None  # a foreign key guarantees it
    code = await _issue_of(db, session, card, now, added.wanted)
    return [PresetWarning(code)] if code else []


async def warned(db: AsyncSession, session: CheckoutSession, now: datetime) -> dict[str, Any]:
    """Return the warnings as answers and events show them; an empty dict if there are none."""
    found = await preset_warnings(db, session, now)
    return {"warnings": [warning.shape for warning in found]} if found else {}


async def read_warnings(ctx: Backend, session_id: str) -> dict[str, Any]:
    """Do what `warned` does, for a session that is read again."""
    async with ctx.db.reading() as db:
        session = await db.get(CheckoutSession, session_id)
        return {} if session is None else await warned(db, session, ctx.clock.now())


def refuse_strictly(found: list[PresetWarning]) -> None:
    """Raise GiftCardRefused for the first warning that the strict mode refuses."""
    for warning in found:
        if warning.refuses:
            raise GiftCardRefused(warning.code, warning.message, CARD_FIELD)
