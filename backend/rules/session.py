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


def has_splits(order: Mapping[str, Any]) -> bool:
    """Return whether an item or the shipping option is divided between payout destinations."""
    parts: list[object] = list(order.get("items") or [])
    parts.append(order.get("shipping_option") or {})
    return any(
        isinstance(part, Mapping) and (part.get("splits") or part.get("fee_split"))
        for part in parts
    )


@dataclass(frozen=True, slots=True)
class Amounts:
    """An order's amounts in minor units: `items` is their sum, `shipping` the option's amount."""

    order: int
    items: int
    shipping: int


def sum_rule_broken(amounts: Amounts, *, partial_payment: bool) -> str | None:
    """Return why `order.amount` does not fit its items and shipping option, or None if it does."""
    total = amounts.items + amounts.shipping
    if partial_payment and amounts.order <= total:
        return None
    if amounts.order == total:
        return None
    return f"order.amount is {amounts.order}, the items and the shipping option sum to {total}"


def items_sum(items: Iterable[Mapping[str, Any]]) -> int:
    return sum(int(item.get("amount") or 0) for item in items)


def is_expired(expires_at: datetime, now: datetime) -> bool:
    return expires_at <= now
