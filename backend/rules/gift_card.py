"""What a gift card may pay. Source: `reference/gift-cards.md`, shared design section 3."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from backend.rules.money import Money


class Refusal(StrEnum):
    """Why a card cannot be used. Unknown number and wrong PIN are one (`NOT_MATCHED`)."""

    NOT_MATCHED = "not_matched"
    EMPTY = "empty"
    EXPIRED = "expired"
    NOT_ACTIVE_YET = "not_active_yet"
    INACTIVE = "inactive"
    OTHER_CURRENCY = "other_currency"
    ALREADY_ADDED = "already_added"
    NOT_OFFERED = "not_offered"
    HELD_ELSEWHERE = "held_elsewhere"
    STILL_HELD = "still_held"


@dataclass(frozen=True, slots=True)
class CardFacts:
    """A card as the rules see it; `available` in minor units of `currency`."""

    available: int
    currency: str
    active: bool
    active_from: datetime | None = None
    expires_at: datetime | None = None


def refusal(card: CardFacts, currency: str, now: datetime) -> Refusal | None:
    """Why this card cannot pay in `currency` at `now`, or None where it can."""
    if not card.active:
        return Refusal.INACTIVE
    if card.expires_at is not None and card.expires_at <= now:
        return Refusal.EXPIRED
    if card.active_from is not None and card.active_from > now:
        return Refusal.NOT_ACTIVE_YET
    if card.currency != currency:
        return Refusal.OTHER_CURRENCY
    if card.available <= 0:
        return Refusal.EMPTY
    return None


def share(available: Money, order: Money) -> Money:
    """The card's part of an order: min(available, order amount)."""
    return available.smaller_of(order)
