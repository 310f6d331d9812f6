"""What a gift card may pay. Source: `docs/reference/gift-cards.md`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from backend.rules.money import Money


class Refusal(StrEnum):
    """Why a card cannot be used. An unknown number and a wrong PIN give the same reason
    (`NOT_MATCHED`)."""

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


class CardStatus(StrEnum):
    """What becomes of a card, as its merchant sees it."""

    DELETED = "deleted"
    INACTIVE = "inactive"
    EXPIRED = "expired"
    UNUSED = "unused"
    USED = "used"
    PARTIALLY_USED = "partially_used"


INVALID = frozenset({CardStatus.DELETED, CardStatus.INACTIVE, CardStatus.EXPIRED})
"""Nobody can use money on a card in one of these statuses."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """A card as the rules see it; amounts in minor units of `currency`. `held` is what payments
    hold of it, `drawn` what was ever taken from it."""

    available: int
    currency: str
    active: bool
    active_from: datetime | None = None
    expires_at: datetime | None = None
    deleted: bool = False
    held: int = 0
    drawn: int = 0


def status(card: CardFacts, now: datetime) -> CardStatus:
    """Return the status of a card at `now`."""
    if card.deleted:
        return CardStatus.DELETED
    if not card.active:
        return CardStatus.INACTIVE
    if card.expires_at is not None and card.expires_at <= now:
        return CardStatus.EXPIRED
    if card.drawn == 0 and card.held == 0:
        return CardStatus.UNUSED
    return CardStatus.USED if card.available + card.held == 0 else CardStatus.PARTIALLY_USED


def is_valid(card: CardFacts, now: datetime) -> bool:
    """Return whether money on this card can be used, now or later. `valid_rows` of
    `backend.cards.lookup` says the same of rows."""
    return status(card, now) not in INVALID


def unusable(card: CardFacts, now: datetime) -> Refusal | None:
    """Return why this card can pay for nothing at `now`, whatever it holds; None if it can."""
    if not is_valid(card, now):
        return Refusal.EXPIRED if status(card, now) is CardStatus.EXPIRED else Refusal.INACTIVE
    if card.active_from is not None and card.active_from > now:
        return Refusal.NOT_ACTIVE_YET
    return None


def refusal(card: CardFacts, currency: str, now: datetime) -> Refusal | None:
    """Return why this card cannot pay in `currency` at `now`; None if it can."""
    reason = unusable(card, now)
    if reason is not None:
        return reason
    if card.currency != currency:
        return Refusal.OTHER_CURRENCY
    if card.available <= 0:
        return Refusal.EMPTY
    return None


MIN_AMOUNT = 1
"""The smallest amount (minor units) that a payer may choose to use of a card. To use nothing, the
payer removes the card."""

SOON = timedelta(days=30)
REFUNDABLE = timedelta(days=60)
"""How long after today an order is commonly refunded at the latest: up to 30 days until it is
delivered, 14 to withdraw from it and 14 to send it back (directive 2011/83/EU, articles 9, 13, 14,
18)."""


class Ending(StrEnum):
    """What a payer should know of a card's last day."""

    SOON = "soon"
    BEFORE_REFUND = "before_refund"  # a refund to the card may come after its last day


def share(available: Money, order: Money, wanted: int | None = None) -> Money:
    """Return the card's part of an order: min(wanted, available, order amount).

    `wanted` is in minor units, at least `MIN_AMOUNT` (else ValueError). None means all that is
    available.
    """
    maximum = available.smaller_of(order)
    if wanted is None:
        return maximum
    if wanted < MIN_AMOUNT:
        raise ValueError("wanted must be at least the smallest amount of a gift card")
    return Money(wanted, maximum.currency).smaller_of(maximum)


def ending(expires_at: datetime | None, now: datetime) -> Ending | None:
    """Return what to tell the payer about the card's last day. None if the card is valid long
    enough, for ever, or no longer."""
    if expires_at is None or expires_at <= now:
        return None
    if expires_at - now < SOON:
        return Ending.SOON
    return Ending.BEFORE_REFUND if expires_at - now < REFUNDABLE else None
