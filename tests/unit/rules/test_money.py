"""Amounts are integers of one currency."""

from __future__ import annotations

from typing import Any

import pytest

from backend.rules.money import CurrencyMismatch, Money


def test_adds_and_subtracts_in_one_currency() -> None:
    assert Money(40000, "NOK") + Money(1, "NOK") == Money(40001, "NOK")
    assert Money(10000, "NOK") - Money(40000, "NOK") == Money(-30000, "NOK")
    assert Money(1, "NOK") < Money(2, "NOK")
    assert Money(2, "NOK") <= Money(2, "NOK")
    assert not Money(2, "NOK") < Money(2, "NOK")
    assert Money(2, "NOK").smaller_of(Money(1, "NOK")) == Money(1, "NOK")
    assert Money(1, "NOK").smaller_of(Money(2, "NOK")) == Money(1, "NOK")


@pytest.mark.parametrize("verb", ["__add__", "__sub__", "__lt__", "__le__", "smaller_of"])
def test_two_currencies_never_meet(verb: str) -> None:
    with pytest.raises(CurrencyMismatch):
        getattr(Money(1, "NOK"), verb)(Money(1, "SEK"))


@pytest.mark.parametrize("amount", [1.0, True, False, "1", None])
def test_nothing_but_an_int_is_an_amount(amount: Any) -> None:
    with pytest.raises(TypeError):
        Money(amount, "NOK")


@pytest.mark.parametrize("currency", ["nok", "NO", "NOKK", "N0K", ""])
def test_a_currency_is_three_capitals(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, currency)
