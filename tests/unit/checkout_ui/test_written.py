"""Amounts, dates, numbers and countries as each language writes them."""

from __future__ import annotations

import pytest

from checkout_ui import texts
from checkout_ui.presenters import formats


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
        (4000, "ISK", "nb", "4\u00a0000\u00a0ISK"),
        (4000, "KWD", "en", "KWD\u00a04.000"),
        (1234567, "KWD", "nb", "1\u00a0234,567\u00a0KWD"),
        (0, "NOK", "nb", "0,00\u00a0kr"),
        (123456789, "NOK", "nn", "1\u00a0234\u00a0567,89\u00a0kr"),
        (123456789, "SEK", "sv", "1\u00a0234\u00a0567,89\u00a0kr"),
        (123456789, "DKK", "da", "1.234.567,89\u00a0kr."),
        (123456789, "EUR", "fi", "1\u00a0234\u00a0567,89\u00a0€"),
        (123456789, "EUR", "de", "1.234.567,89\u00a0€"),
        (-10000, "SEK", "sv", "\u2212100,00\u00a0kr"),
        (-10000, "DKK", "da", "\u2212100,00\u00a0kr."),
        (-10000, "EUR", "fi", "\u2212100,00\u00a0€"),
        (-10000, "EUR", "de", "\u2212100,00\u00a0€"),
    ],
)
def test_amounts(amount: int, currency: str, language: str, written: str) -> None:
    assert formats.money(amount, currency, language) == written


@pytest.mark.parametrize(
    ("language", "day", "country", "percent", "vat"),
    [
        ("nb", "1. des. 2027", "Norge", "12,5", "12,5 % mva."),
        ("nn", "1. des. 2027", "Noreg", "12,5", "12,5 % mva."),
        ("sv", "1 dec. 2027", "Norge", "12,5", "12,5 % moms"),
        ("da", "1. dec. 2027", "Norge", "12,5", "12,5 % moms"),
        ("fi", "1.12.2027", "Norja", "12,5", "Alv 12,5 %"),
        ("en", "1 Dec 2027", "Norway", "12.5", "12.5% VAT"),
        ("de", "01.12.2027", "Norwegen", "12,5", "12,5 % MwSt."),
    ],
)
def test_dates_countries_and_numbers(
    language: str, day: str, country: str, percent: str, vat: str
) -> None:
    assert formats.date("2027-12-01T10:00:00+00:00", language) == day
    assert formats.country("NO", language) == country
    assert formats.percent("12.5", language) == percent
    assert texts.text(language, "order.line_vat", percent=percent) == vat


def test_what_cannot_be_read() -> None:
    assert formats.date("soon", "en") == ""
    assert formats.country("XQ", "en") == "XQ"


@pytest.mark.parametrize(
    ("language", "one", "two", "many"),
    [
        ("nb", "1 vare", "2 varer", "1\u00a0234 varer"),
        ("nn", "1 vare", "2 varer", "1\u00a0234 varer"),
        ("sv", "1 vara", "2 varor", "1\u00a0234 varor"),
        ("da", "1 vare", "2 varer", "1.234 varer"),
        ("fi", "1 tuote", "2 tuotetta", "1\u00a0234 tuotetta"),
        ("en", "1 item", "2 items", "1,234 items"),
        ("de", "1 Artikel", "2 Artikel", "1.234 Artikel"),
    ],
)
def test_how_many(language: str, one: str, two: str, many: str) -> None:
    said = [texts.count(language, "count.items", number) for number in (1, 2, 1234)]
    assert said == [one, two, many]
