"""`backend.rules.numbers`: one way to round, one tolerance."""

from __future__ import annotations

from decimal import Decimal

import pytest

from backend.rules.items import read_items
from backend.rules.numbers import MAXIMUM, has_fraction, nearest
from backend.sessions.fields import rounded, whole_number


@pytest.mark.parametrize(
    ("number", "whole"),
    [
        (0.5, 1), (1.5, 2), (2.5, 3), (-0.5, -1), (-2.5, -3), (2.4999, 2), (7, 7), (-7, -7),
        (299.90 * 100, 29990), (Decimal("4.5"), 5), (1e22, 10**22), (10**400, 10**400),
    ],
)  # fmt: skip
def test_a_half_is_rounded_away_from_zero(number: float | Decimal, whole: int) -> None:
    assert nearest(number) == whole


@pytest.mark.parametrize(
    ("number", "has"),
    [
        (299.90 * 100, False), (1.0000009, False), (1.000001, False), (1.0000011, True),
        (0.5, True), (-0.5, True), (10**400, False), (1e300, False), (Decimal("2.5"), True),
    ],
)  # fmt: skip
def test_noise_is_no_fraction(number: float | Decimal, has: bool) -> None:
    assert has_fraction(number) is has


@pytest.mark.parametrize("half", [0.5, 1.5, 2.5, 10.5, -0.5, -2.5])
def test_orders_and_items_are_rounded_alike(half: float) -> None:
    [row] = read_items([{"line_id": "1", "amount": 1, "vat_amount": half}]).rows
    assert rounded(half) == row["vat_amount"] == nearest(half)


def test_an_amount_with_noise_is_whole_and_one_with_a_fraction_is_refused() -> None:
    assert whole_number(299.90 * 100) == 29990
    assert type(whole_number(29990.0)) is int
    with pytest.raises(ValueError, match="without a fraction"):
        whole_number(29990.5)


def test_the_bound_is_ten_thousand_million_kroner() -> None:
    assert MAXIMUM == 1_000_000_000_000


def test_an_integer_may_have_more_digits_than_python_writes() -> None:
    huge = 10**5000
    assert nearest(huge) == huge
    assert has_fraction(huge) is False
