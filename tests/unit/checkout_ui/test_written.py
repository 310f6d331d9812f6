"""Amounts, dates and colours as they are written."""

from __future__ import annotations

import pytest

from checkout_ui import colours, formats


@pytest.mark.parametrize(
    ("amount", "currency", "language", "written"),
    [
        (30000, "NOK", "nb", "300,00\u00a0kr"),
        (30000, "NOK", "en", "NOK\u00a0300.00"),
        (-10000, "NOK", "nb", "\u2212100,00\u00a0kr"),
        (-10000, "NOK", "en", "\u2212NOK\u00a0100.00"),
        (123456789, "NOK", "nb", "1\u00a0234\u00a0567,89\u00a0kr"),
        (123456789, "EUR", "en", "€1,234,567.89"),
        (5, "NOK", "nb", "0,05\u00a0kr"),
        (500, "JPY", "en", "JP¥500"),
        (0, "NOK", "nb", "0,00\u00a0kr"),
    ],
)
def test_amounts(amount: int, currency: str, language: str, written: str) -> None:
    assert formats.money(amount, currency, language) == written


def test_dates_and_countries() -> None:
    assert formats.date("2027-12-01T10:00:00+00:00", "nb") == "1. des. 2027"
    assert formats.date("2027-12-01T10:00:00Z", "en") == "1 Dec 2027"
    assert formats.date("soon", "en") == ""
    assert formats.country("NO", "nb") == "Norge"
    assert formats.country("NO", "en") == "Norway"
    assert formats.country("XQ", "en") == "XQ"
    assert formats.percent("12.5", "nb") == "12,5"
    assert formats.percent("25", "en") == "25"


@pytest.mark.parametrize(
    ("colour", "accent"),
    [
        ("#7c3aed", "#7c3aed #ffffff"),
        ("#FF0", "#ffff00 #000000"),
        ("rgb(20, 83, 45)", "#14532d #ffffff"),
        ("rgba(255,255,255,1)", "#ffffff #000000"),
        ("rgba(0,0,0,0.5)", ""),
        ("rgb(300,0,0)", ""),
        ("red; background: url(x)", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_the_merchants_colour_and_the_text_on_it(colour: str | None, accent: str) -> None:
    assert colours.accent(colour) == accent


def test_the_text_on_any_colour_can_be_read() -> None:
    """At least 4.5 to 1 (WCAG 2.2, 1.4.3)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for red in range(0, 256, 51):
        for green in range(0, 256, 51):
            for blue in range(0, 256, 51):
                back, text = colours.accent(f"rgb({red},{green},{blue})").split(" ")
                light, dark = sorted((luminance(back), luminance(text)), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (back, text)
