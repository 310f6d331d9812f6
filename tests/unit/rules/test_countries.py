"""`backend.rules.countries`: codes of countries, and the country that a currency stands for."""

from __future__ import annotations

import pytest

from backend.rules.countries import (
    country_of_currency,
    is_currency,
    language_of_calling_code,
    three_letters,
    two_letters,
    zone_of_currency,
)


@pytest.mark.parametrize(
    ("currency", "country"),
    [
        ("NOK", "NO"), ("SEK", "SE"), ("DKK", "DK"), ("EUR", "FI"), ("GBP", "GB"), ("USD", "US"),
        ("CHF", "CH"), ("AUD", "AU"), ("NZD", "NZ"), ("PLN", "PL"), ("CZK", "CZ"), ("RON", "RO"),
        ("HUF", "HU"), ("CAD", "CA"), ("ISK", "IS"), ("XOF", None), ("XXX", None), ("", None),
    ],
)  # fmt: skip
def test_a_currency_stands_for_one_country(currency: str, country: str | None) -> None:
    assert country_of_currency(currency) == country


@pytest.mark.parametrize(
    ("code", "two"),
    [
        ("NOR", "NO"), ("578", "NO"), ("SWE", "SE"), ("XKX", "XK"), ("NO", "NO"), ("XK", "XK"),
        ("YUG", "YUG"), ("SUN", "SUN"), ("ZAR", "CD"), ("DDR", "DE"), ("UK", "GB"), ("891", "891"),
        ("nor", "nor"), ("", ""),
    ],
)  # fmt: skip
def test_a_country_by_two_letters(code: str, two: str) -> None:
    assert two_letters(code) == two


@pytest.mark.parametrize(
    ("code", "three"),
    [
        ("NO", "NOR"), ("DE", "DEU"), ("XK", "XKX"), ("ZA", "ZAF"), ("MM", "MMR"), ("CD", "COD"),
        ("TL", "TLS"), ("YE", "YEM"), ("FR", "FRA"), ("RU", "RUS"), ("RS", "SRB"), ("SA", "SAU"),
        ("CW", "CUW"), ("GB", "GBR"), ("NOR", "NOR"), ("??", "??"),
    ],
)  # fmt: skip
def test_a_country_by_three_letters(code: str, three: str) -> None:
    assert three_letters(code) == three


def test_a_code_that_has_three_letters_comes_back_to_two() -> None:
    for two in ("NO", "SE", "DK", "FI", "DE", "XK", "GB", "US"):
        assert two_letters(three_letters(two)) == two


@pytest.mark.parametrize(
    ("code", "known"), [("NOK", True), ("DEM", True), ("nok", False), ("QQQ", False)]
)
def test_a_currency_is_known_by_its_code(code: str, known: bool) -> None:
    assert is_currency(code) is known


@pytest.mark.parametrize(
    ("currency", "zone"),
    [
        ("NOK", "Europe/Oslo"), ("SEK", "Europe/Stockholm"), ("DKK", "Europe/Copenhagen"),
        ("EUR", "Europe/Brussels"), ("GBP", "Europe/London"), ("ISK", "Atlantic/Reykjavik"),
        ("CHF", "Europe/Zurich"), ("PLN", "Europe/Warsaw"), ("USD", "UTC"), ("", "UTC"),
    ],
)  # fmt: skip
def test_the_time_zone_of_a_currency(currency: str, zone: str) -> None:
    assert zone_of_currency(currency) == zone


@pytest.mark.parametrize(
    ("code", "language"),
    [(47, "nb"), (46, "sv"), (45, "da"), (358, "fi"), (49, "de"), (43, "de"), (44, None),
     (0, None), (None, None)],
)  # fmt: skip
def test_the_language_of_a_phone_number(code: int | None, language: str | None) -> None:
    assert language_of_calling_code(code) == language
