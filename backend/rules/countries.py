"""Countries and currencies: their codes, and which country a currency stands for. Countries are
ISO 3166-1 alpha-2 codes, currencies are ISO 4217 codes, both in upper case."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from babel.core import get_global
from babel.numbers import get_territory_currencies

_MEANT = {
    "NOK": "NO", "DKK": "DK", "EUR": "FI", "GBP": "GB", "USD": "US", "CHF": "CH", "AUD": "AU",
    "NZD": "NZ",
}  # fmt: skip
"""Several countries use these currencies; this is the one that is meant."""
_ZONES = {
    "NOK": "Europe/Oslo", "SEK": "Europe/Stockholm", "DKK": "Europe/Copenhagen",
    "EUR": "Europe/Brussels", "GBP": "Europe/London", "ISK": "Atlantic/Reykjavik",
    "CHF": "Europe/Zurich", "PLN": "Europe/Warsaw",
}  # fmt: skip
_LANGUAGES = {47: "nb", 46: "sv", 45: "da", 358: "fi", 49: "de", 43: "de"}
"""By the country code of a phone number."""
_KOSOVO = ("XK", "XKX")
"""Its codes are in use, but no part of the standard, and so not in the table of aliases."""
_PAST = frozenset({"BUR", "DDR", "FXX", "TMP", "YMD", "ZAR"})
"""Codes of countries that no longer exist. The table of aliases leads them to their successors."""


@cache
def country_of_currency(currency: str) -> str | None:
    """Return the country of a currency. None if several countries use it and none of them is usual
    here."""
    if currency in _MEANT:
        return _MEANT[currency]
    known = get_global("territory_currencies")
    using = [c for c in known if len(c) == 2 and currency in get_territory_currencies(c)]
    return using[0] if len(using) == 1 else None


def zone_of_currency(currency: str) -> str:
    """Return the time zone (IANA) of a currency's shops; UTC if none is usual here."""
    return _ZONES.get(currency, "UTC")


def language_of_calling_code(code: int | None) -> str | None:
    """Return the language of the page (a BCP 47 tag) that a phone number's country speaks, by its
    country code, such as 47; None if it is none of ours."""
    return _LANGUAGES.get(code or 0)


def is_currency(code: str) -> bool:
    """Return whether this is an ISO 4217 code, one that is no longer in use included."""
    return code in get_global("all_currencies")


def two_letters(code: str) -> str:
    """Return a country's code of two letters for its code of three letters or its number. A code
    that is not known, or that means several countries now, is returned as it is."""
    two, three = _KOSOVO
    if code == three:
        return two
    named = get_global("territory_aliases").get(code) or []
    return named[0] if len(named) == 1 else code


def three_letters(code: str) -> str:
    """Return a country's code of three letters; a code that is not known as it is."""
    return _of_three_letters().get(code, code)


@cache
def _of_three_letters() -> Mapping[str, str]:
    two, three = _KOSOVO
    aliases: Mapping[str, list[str]] = get_global("territory_aliases")
    return {
        now[0]: code
        for code, now in aliases.items()
        if len(code) == 3 and code.isalpha() and len(now) == 1 and code not in _PAST
    } | {two: three}
