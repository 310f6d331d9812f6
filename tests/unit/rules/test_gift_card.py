"""Which card may pay, and how much of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.rules.gift_card import CardFacts, Refusal, refusal, share
from backend.rules.money import CurrencyMismatch, Money

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GOOD = CardFacts(available=10000, currency="NOK", active=True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"available": 1}, None),
        ({"available": 0}, Refusal.EMPTY),
        ({"available": -1}, Refusal.EMPTY),
        ({"active": False}, Refusal.INACTIVE),
        ({"currency": "SEK"}, Refusal.OTHER_CURRENCY),
        ({"expires_at": NOW + SECOND}, None),
        ({"expires_at": NOW}, Refusal.EXPIRED),
        ({"expires_at": NOW - SECOND}, Refusal.EXPIRED),
        ({"active_from": NOW}, None),
        ({"active_from": NOW + SECOND}, Refusal.NOT_ACTIVE_YET),
        # One reason is told: the one that lasts longest.
        ({"active": False, "available": 0, "currency": "SEK"}, Refusal.INACTIVE),
        ({"expires_at": NOW, "available": 0}, Refusal.EXPIRED),
        ({"currency": "SEK", "available": 0}, Refusal.OTHER_CURRENCY),
    ],
)
def test_refusal(change: dict[str, Any], reason: Refusal | None) -> None:
    assert refusal(replace(GOOD, **change), "NOK", NOW) is reason


@pytest.mark.parametrize(
    ("available", "order", "part"),
    [(10000, 40000, 10000), (40000, 40000, 40000), (100000, 40000, 40000), (0, 40000, 0),
     (10000, 0, 0)],
)  # fmt: skip
def test_share_is_the_smaller_of_balance_and_order(available: int, order: int, part: int) -> None:
    assert share(Money(available, "NOK"), Money(order, "NOK")) == Money(part, "NOK")


def test_share_of_another_currency_is_none() -> None:
    with pytest.raises(CurrencyMismatch):
        share(Money(1, "SEK"), Money(1, "NOK"))
