"""What a session allows, and the states of its life.

Source: `docs/reference/gift-cards.md`; `docs/reference/dintero-api.md#gift-cards-in-checkout`,
`#amounts-and-validation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from backend.rules.order import Item, Order
from backend.rules.remainder import Remainder


class SessionState(StrEnum):
    """The state in the session's row. Being expired is not a state: it follows from the time."""

    OPEN = "open"
    PAYING = "paying"
    ON_HOLD = "on_hold"  # the payer is done, and the provider or a person has to decide
    PAID = "paid"
    CANCELLED = "cancelled"


_ALLOWED: Mapping[SessionState, frozenset[SessionState]] = {
    SessionState.OPEN: frozenset({SessionState.PAYING, SessionState.PAID, SessionState.CANCELLED}),
    SessionState.PAYING: frozenset(
        {SessionState.OPEN, SessionState.ON_HOLD, SessionState.PAID, SessionState.CANCELLED}
    ),  # cancelled because nobody can tell whether it was paid, so that it is not paid twice
    SessionState.ON_HOLD: frozenset({SessionState.OPEN, SessionState.PAID, SessionState.CANCELLED}),
    SessionState.PAID: frozenset(
        {SessionState.CANCELLED}
    ),  # a cancellation voids the authorization
    SessionState.CANCELLED: frozenset(),
}


class TransitionRefused(ValueError):
    """The state machine has no such step."""


def advance(state: SessionState, to: SessionState) -> SessionState:
    """Return the next state, or raise TransitionRefused."""
    if to not in _ALLOWED[state]:
        raise TransitionRefused(f"session: {state} -> {to}")
    return to


class GiftCardUse(StrEnum):
    OFFERED = "offered"
    NOT_OFFERED = "not_offered"


class GiftCardRuleBroken(ValueError):
    """A request asks for gift cards where the documentation does not allow them."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(description)
        self.field = field
        self.description = description


def gift_card_use(
    *, express: bool, splits: bool, requested: bool | None, by_profile: bool
) -> GiftCardUse:
    """Return whether a gift card can be used in a session.

    `requested` is the request's own `dintero.wallets` switch, or None if the request does not name
    it. `by_profile` is the profile's switch. If the request asks for gift cards in a session that
    allows none, GiftCardRuleBroken is raised. If only the profile does, gift cards are not offered.
    """
    if requested is False or (requested is None and not by_profile):
        return GiftCardUse.NOT_OFFERED
    field = "configuration.dintero.wallets"
    if not express:
        if requested:
            raise GiftCardRuleBroken(field, "gift cards are only supported in Express sessions")
        return GiftCardUse.NOT_OFFERED
    if splits:
        if requested:
            raise GiftCardRuleBroken(field, "gift cards are not supported with splits")
        return GiftCardUse.NOT_OFFERED
    return GiftCardUse.OFFERED


def gift_card_offered(*, allowed: bool, amount: int) -> bool:
    """Return whether the payer is offered to use a gift card: the session allows one, and the order
    costs something (`amount` in minor units)."""
    return allowed and amount > 0


class Obstacle(StrEnum):
    """Why a session cannot be paid as it is."""

    CLOSED = "closed"
    DETAILS = "details"  # the payer's details, or the choice of a shipping option, are missing
    NOTHING_TO_PAY = "nothing_to_pay"  # and orders of nothing are not allowed
    REMAINDER = "remainder"  # no option takes what is left to pay


@dataclass(frozen=True, slots=True)
class PayFacts:
    """A session as it must be to be paid. `amount` is the order's, in minor units; `remainder` is
    what the gift card leaves of it. An expired session is not open."""

    is_open: bool
    details_done: bool
    shipping_missing: bool
    amount: int
    zero_allowed: bool
    remainder: Remainder


def obstacle(facts: PayFacts) -> Obstacle | None:
    """Return the first reason why the session cannot be paid; None if it can."""
    if not facts.is_open:
        return Obstacle.CLOSED
    if not facts.details_done or facts.shipping_missing:
        return Obstacle.DETAILS
    if facts.amount == 0 and not facts.zero_allowed:
        return Obstacle.NOTHING_TO_PAY
    return None if facts.remainder.is_payable else Obstacle.REMAINDER


def sum_rule_broken(order: Order) -> str | None:
    """Return why `order.amount` does not fit its items and shipping option; None if it does. With
    `partial_payment` it may be less than their sum."""
    total = order.items_amount + order.shipping_amount
    if order.partial_payment and order.amount <= total:
        return None
    if order.amount == total:
        return None
    return f"order.amount is {order.amount}, the items and the shipping option sum to {total}"


def is_expired(expires_at: datetime, now: datetime) -> bool:
    return expires_at <= now


_CORRECTION = "correction"


def with_correction(items: Iterable[Mapping[str, Any]], amount: int) -> list[dict[str, Any]]:
    """Return the items with one more that makes up the difference to `amount` (minor units), if
    there is a difference. An earlier correction is dropped. An order without items needs none.

    Source: `docs/reference/dintero-api.md#amounts-and-validation`.
    """
    kept = [dict(item) for item in items if item.get("type") != _CORRECTION]
    difference = amount - sum(Item.read(item).amount for item in kept)
    if not kept or not difference:
        return kept
    correction = {
        "id": _CORRECTION,
        "line_id": _CORRECTION,
        "type": _CORRECTION,
        "quantity": 1,
        "description": "Correction",
        "amount": difference,
    }
    return [*kept, correction]
