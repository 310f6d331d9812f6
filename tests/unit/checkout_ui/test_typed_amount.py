"""People type amounts in many forms, and each is read in one way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_ui import texts
from checkout_ui.presenters import formats, typed_amount

LANGUAGES = st.sampled_from(texts.languages())
CURRENCIES = st.sampled_from(("NOK", "EUR", "JPY", "KWD"))
AMOUNTS = st.integers(min_value=0, max_value=10**12)


@pytest.mark.parametrize(
    ("typed", "nb", "en"),
    [
        ("100", 10000, 10000),
        ("100,5", 10050, 10050),
        ("100.50", 10050, 10050),
        ("1 234,50", 123450, 123450),
        ("1,234.50", 123450, 123450),
        ("1.234,50", 123450, 123450),
        ("1234.5", 123450, 123450),
        ("1\u00a0234,50", 123450, 123450),
        ("1\u202f234,50\u00a0kr", 123450, 123450),
        ("1'234.50", 123450, 123450),
        ("kr 1234,-", 123400, 123400),
        ("1234,–", 123400, 123400),
        ("NOK 1,234,567.00", 123456700, 123456700),
        ("1.234.567", 123456700, 123456700),
        (",50", 50, 50),
        ("0,01", 1, 1),
        ("100,", 10000, 10000),
        ("１００", 10000, 10000),
        ("0", 0, 0),
        # One sign and three digits mean thousands if the language has another decimal sign.
        ("1.234", 123400, None),
        ("1,234", None, 123400),
        ("", None, None),
        ("kr", None, None),
        ("-5", None, None),
        ("\u22125", None, None),
        ("1,2,3", None, None),
        ("12,34,567", None, None),
        ("1.23.45", None, None),
        ("1,234.567", None, None),
        ("100.123", 10012300, None),
        ("1.5.", None, None),
        ("1e3", None, None),
        ("10 kr 50", None, None),
        ("٣", None, None),
        ("9" * 41, None, None),
    ],
)
def test_read(typed: str, nb: int | None, en: int | None) -> None:
    assert typed_amount.read(typed, "NOK", "nb") == nb
    assert typed_amount.read(typed, "NOK", "en") == en


@pytest.mark.parametrize(
    ("typed", "currency", "amount"),
    [
        ("1,234", "JPY", 1234),
        ("12.5", "JPY", None),
        ("1.234", "KWD", 1234),
        ("1,234", "KWD", 1234000),
        ("1.2345", "KWD", None),
    ],
)
def test_currencies_without_cents_and_with_three_digits(
    typed: str, currency: str, amount: int | None
) -> None:
    assert typed_amount.read(typed, currency, "en") == amount


@given(AMOUNTS, CURRENCIES, LANGUAGES)
def test_what_we_write_is_read_back(amount: int, currency: str, language: str) -> None:
    plain = typed_amount.written(amount, currency, language)
    assert typed_amount.read(plain, currency, language) == amount
    shown = formats.money(amount, currency, language)
    assert typed_amount.read(shown, currency, language) == amount


@given(st.text(max_size=50), CURRENCIES, LANGUAGES)
def test_nothing_that_is_typed_breaks_it(typed: str, currency: str, language: str) -> None:
    amount = typed_amount.read(typed, currency, language)
    assert amount is None or amount >= 0
