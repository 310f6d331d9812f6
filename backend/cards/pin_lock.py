"""Tell the merchant about wrong PINs, and unlock a card.

The merchant is told once when half of a card's budget is used up, of a day or of its life, and when
the card needs to be unlocked. Source of the webhook: docs/webhooks.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cards import pin_attempts
from backend.cards.history import CardNote, note
from backend.cards.tables import Card, CardEvent
from backend.core.context import Backend
from backend.core.errors import InvalidRequest, NotFound
from backend.outbox.enqueue import CARD_PIN_ATTEMPTS, Event, announce, subscribed
from backend.rules import pin_budget
from backend.rules.pin_budget import Counter, Kind, Limits, Scope

HALF_OF_DAY, HALF_OF_LIFE, LOCKED = "PIN_HALF_OF_DAY", "PIN_HALF_OF_LIFE", "PIN_LOCKED"
UNLOCKED = "PIN_UNLOCKED"
NOBODY = "checkout"
"""`created_by` of the events that payers' wrong attempts cause."""
LONGEST_REASON = 255


@dataclass(frozen=True, slots=True)
class Attempts:
    """Wrong attempts at a card's PIN: within the last day, and since it was last unlocked."""

    today: int
    total: int
    locked: bool

    def shown(self) -> dict[str, Any]:
        return {"wrong_today": self.today, "wrong_total": self.total, "locked": self.locked}


async def attempts_of(
    ctx: Backend, db: AsyncSession, cards: Sequence[Card]
) -> dict[str, dict[str, Any] | None]:
    """Return what each card's answer says about wrong attempts, by the card's primary key. None for
    a card without a PIN."""
    limits, now = pin_attempts.limits_of(ctx.settings), ctx.clock.now()
    with_pin = [Scope(Kind.CARD, card.id) for card in cards if card.pin_hash is not None]
    counters = await pin_attempts.read(db, with_pin) if with_pin else {}
    known = {scope.key: _seen(counter, limits, now) for scope, counter in counters.items()}
    return {card.id: known[card.id].shown() if card.id in known else None for card in cards}


def _seen(counter: Counter, limits: Limits, now: datetime) -> Attempts:
    today = pin_budget.live(counter, limits, now).tries
    return Attempts(today, counter.life, pin_budget.is_locked(counter, limits))


async def tell_merchant(
    ctx: Backend, db: AsyncSession, card: Card, before: Counter, after: Counter
) -> None:
    """Record and announce which budget this wrong attempt has used up. The caller has locked the
    budget's row."""
    limits, now = pin_attempts.limits_of(ctx.settings), ctx.clock.now()
    for name in pin_budget.reached(pin_budget.live(before, limits, now), after, limits):
        if await _told(db, card, name, limits, now):
            continue
        attempts = _seen(after, limits, now)
        note(db, card, CardNote(name, NOBODY, now, attempts.shown()))
        hooks = await subscribed(db, card.account_id, CARD_PIN_ATTEMPTS)
        body = {
            "reason": name.removeprefix("PIN_").lower(),
            "card": {"id": card.id, "card_id": card.card_id, "pin_attempts": attempts.shown()},
        }
        announce(db, hooks, Event(card.account_id, CARD_PIN_ATTEMPTS, card.id, body), now)


async def _told(db: AsyncSession, card: Card, name: str, limits: Limits, now: datetime) -> bool:
    """Return whether the merchant was told before: since the last unlock and, for a day, today."""
    query = select(CardEvent.name).where(
        CardEvent.card == card.id, col(CardEvent.name).in_((name, UNLOCKED))
    )
    if name == HALF_OF_DAY:
        query = query.where(col(CardEvent.created_at) > now - limits.window)
    latest = query.order_by(col(CardEvent.created_at).desc(), col(CardEvent.id).desc()).limit(1)
    return (await db.exec(latest)).first() == name


async def unlock(
    ctx: Backend, account_id: str, card_id: str, by: str, reason: str | None = None
) -> Card:
    """Forget all wrong attempts at this card. NotFound.

    It may be repeated. If there are no wrong attempts, nothing changes and nothing is recorded.
    """
    if reason is not None and len(reason) > LONGEST_REASON:
        raise InvalidRequest(f"a reason has at most {LONGEST_REASON} characters")
    async with ctx.db.unit_of_work() as db:
        query = select(Card).where(Card.account_id == account_id, Card.card_id == card_id)
        card = (await db.exec(query)).one_or_none()
        if card is None or card.deleted_at is not None:
            raise NotFound("no such card")
        await make_whole(ctx, db, card, by, reason)
    ctx.pin_refusals.forget_all()
    return card


async def make_whole(
    ctx: Backend, db: AsyncSession, card: Card, by: str, reason: str | None
) -> None:
    """Forget the attempts at a card, and record who asked for it and why. The card's row is not
    locked yet, because the budgets are locked first."""
    now = ctx.clock.now()
    before = await pin_attempts.forget_card(db, card, now)
    if before.life:
        limits = pin_attempts.limits_of(ctx.settings)
        details = _seen(before, limits, now).shown()
        note(db, card, CardNote(UNLOCKED, by, now, details, reason))
