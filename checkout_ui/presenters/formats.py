"""Amounts, dates and country names as the payer's language writes them. Amounts in minor units."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from functools import cache

from babel import Locale
from babel.dates import format_date, format_timedelta

from backend.receipts.written import written_amount
from checkout_ui import texts

_AFTER_Z = {"da": "æøå", "nb": "æøå", "nn": "æøå", "fi": "åäö", "sv": "åäö"}
_BEHIND = 0x110000
"""A number larger than that of any letter."""


def money(amount: int, currency: str, language: str) -> str:
    """Return an amount, for example `300,00 kr` (nb) or `NOK 300.00` (en), with spaces that do not
    break."""
    return written_amount(amount, currency, texts.locale(language))


def date(moment: str, language: str) -> str:
    """Return the day of an ISO 8601 date-time, e.g. `1. des. 2027`; empty if it cannot be
    read."""
    try:
        day = datetime.fromisoformat(moment)
    except ValueError:
        return ""
    return format_date(day, "medium", locale=texts.locale(language))


def ago(delta: timedelta, language: str) -> str:
    """Return `for 5 minutter siden` for a past time, `om 5 minutter` for a future one."""
    return format_timedelta(delta, add_direction=True, locale=texts.locale(language))


def country(code: str, language: str) -> str:
    """Return the name of an ISO alpha-2 country, or the code where it has none."""
    return _country_names(language).get(code, code)


@cache
def _country_names(language: str) -> dict[str, str]:
    return dict(Locale.parse(texts.locale(language)).territories)


def alphabetical(name: str, language: str) -> tuple[list[int], str]:
    """Return a key to sort names by: accents do not count, and the letters that a Nordic alphabet
    has after z stand there."""
    last = _AFTER_Z.get(language, "")
    places = []
    for letter in name.casefold():
        at = last.find(letter)
        plain = unicodedata.normalize("NFD", letter)[0]
        places.append(ord(plain) if at < 0 else _BEHIND + at)
    return places, name


def percent(value: str, language: str) -> str:
    """Return `12.5` with the language's decimal sign."""
    return value.replace(
        ".", Locale.parse(texts.locale(language)).number_symbols["latn"]["decimal"]
    )
