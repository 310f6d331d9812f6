"""The rules say which card may pay, and how much of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.rules.gift_card import (
    MIN_AMOUNT,
    CardFacts,
    CardStatus,
    Ending,
    Refusal,
    ending,
    is_valid,
    refusal,
    share,
    status,
    unusable,
)
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
        # Only the reason that lasts longest is reported.
        ({"active": False, "available": 0, "currency": "SEK"}, Refusal.INACTIVE),
        ({"deleted": True, "expires_at": NOW}, Refusal.INACTIVE),
        ({"active": False, "expires_at": NOW}, Refusal.INACTIVE),
        ({"expires_at": NOW, "available": 0}, Refusal.EXPIRED),
        ({"currency": "SEK", "available": 0}, Refusal.OTHER_CURRENCY),
    ],
)
def test_refusal(change: dict[str, Any], reason: Refusal | None) -> None:
    assert refusal(replace(GOOD, **change), "NOK", NOW) is reason


@pytest.mark.parametrize(
    ("change", "is_now", "valid", "reason"),
    [
        ({}, CardStatus.UNUSED, True, None),
        ({"held": 10000, "available": 0}, CardStatus.PARTIALLY_USED, True, None),
        ({"held": 1}, CardStatus.PARTIALLY_USED, True, None),
        ({"held": 10000}, CardStatus.PARTIALLY_USED, True, None),
        ({"drawn": 1}, CardStatus.PARTIALLY_USED, True, None),
        ({"drawn": 1, "available": 0}, CardStatus.USED, True, None),
        ({"drawn": 1, "available": 0, "held": 1}, CardStatus.PARTIALLY_USED, True, None),
        ({"available": 0}, CardStatus.UNUSED, True, None),
        ({"active_from": NOW + SECOND}, CardStatus.UNUSED, True, Refusal.NOT_ACTIVE_YET),
        ({"expires_at": NOW + SECOND}, CardStatus.UNUSED, True, None),
        ({"expires_at": NOW, "drawn": 1}, CardStatus.EXPIRED, False, Refusal.EXPIRED),
        (
            {"expires_at": NOW, "active_from": NOW + SECOND},
            CardStatus.EXPIRED,
            False,
            Refusal.EXPIRED,
        ),
        ({"active": False, "expires_at": NOW}, CardStatus.INACTIVE, False, Refusal.INACTIVE),
        ({"deleted": True, "active": False}, CardStatus.DELETED, False, Refusal.INACTIVE),
    ],
)
def test_status(
    change: dict[str, Any], is_now: CardStatus, valid: bool, reason: Refusal | None
) -> None:
    card = replace(GOOD, **change)
    assert (status(card, NOW), is_valid(card, NOW)) == (is_now, valid)
    # This holds for any balance and currency.
    assert unusable(replace(card, available=0, currency="SEK"), NOW) is reason


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


AMOUNT = st.integers(min_value=0, max_value=10**12)
WANTED = st.none() | st.integers(min_value=MIN_AMOUNT, max_value=10**12)


@given(AMOUNT, AMOUNT, WANTED)
def test_share_is_never_more_than_chosen_available_or_due(
    available: int, order: int, wanted: int | None
) -> None:
    part = share(Money(available, "NOK"), Money(order, "NOK"), wanted).amount
    limits = [available, order, *([] if wanted is None else [wanted])]
    assert part == min(limits)
    assert order - part >= 0
    # Using a part of a card that can pay never means using nothing.
    assert part > 0 or min(available, order) == 0


@given(AMOUNT, AMOUNT, AMOUNT, WANTED)
def test_share_follows_order_and_balance(
    available: int, order: int, more: int, wanted: int | None
) -> None:
    def of(available: int, order: int) -> int:
        return share(Money(available, "NOK"), Money(order, "NOK"), wanted).amount

    before = of(available, order)
    assert before <= of(available + more, order + more)
    if wanted is not None and before == wanted:
        assert of(available + more, order + more) == wanted, "a chosen amount stays"


@pytest.mark.parametrize(
    ("wanted", "part"), [(1, 1), (9999, 9999), (10000, 10000), (10001, 10000), (50000, 10000)]
)
def test_a_payer_uses_no_more_than_there_is(wanted: int, part: int) -> None:
    assert share(Money(10000, "NOK"), Money(40000, "NOK"), wanted) == Money(part, "NOK")
    assert share(Money(40000, "NOK"), Money(10000, "NOK"), wanted) == Money(part, "NOK")


def test_the_least_that_can_be_used_is_one_minor_unit() -> None:
    assert share(Money(10000, "NOK"), Money(40000, "NOK"), 1) == Money(1, "NOK")


@pytest.mark.parametrize("wanted", [0, -1])
def test_nothing_of_a_card_is_no_choice(wanted: int) -> None:
    with pytest.raises(ValueError):
        share(Money(10000, "NOK"), Money(40000, "NOK"), wanted)


@pytest.mark.parametrize(
    ("lasts", "said"),
    [
        (None, None),
        (timedelta(0), None),
        (-SECOND, None),
        (SECOND, Ending.SOON),
        (timedelta(days=30) - SECOND, Ending.SOON),
        (timedelta(days=30), Ending.BEFORE_REFUND),
        (timedelta(days=60) - SECOND, Ending.BEFORE_REFUND),
        (timedelta(days=60), None),
    ],
)
def test_what_is_said_of_the_last_day(lasts: timedelta | None, said: Ending | None) -> None:
    assert ending(None if lasts is None else NOW + lasts, NOW) is said
